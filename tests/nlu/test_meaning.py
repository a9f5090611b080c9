"""What a text means, as the second look weighs it: the encoder of Rasa's environment, and what happens without it."""

import json
from pathlib import Path

from tests.nlu.environment import run as run_script

BEGIN = """
import numpy as np
from components import meaning, second_look
"""


def run(script: str) -> str:
    """What a script prints that has these at hand."""
    return run_script(BEGIN + script)


def test_the_same_said_in_two_languages_lies_together() -> None:
    told = run("""
texts = ["he does beat my child", "msye a ap bat pitit mwen", "ki le lekol la louvri", "i need a passport"]
rows = meaning.Encoder().encode(texts)
assert rows.shape == (4, meaning.DIMENSIONS) and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
near = rows @ rows[0]
print(near[1] > near[2] and near[1] > near[3])
""")
    assert told.strip() == "True"


def test_whatever_is_typed_reaches_the_library_as_letters_it_has_room_for() -> None:
    """Its buffers hold four letters for each byte; U+FDFA stands for eighteen in three bytes."""
    told = run(r"""
import json
rubbish = ["\ufdfa" * 5000, "\0", "", " ", "a\u0300" * 4000, "\u202e\u200b"]
rubbish += ["x" * 100_000, "\U0001f600" * 3000, "%s%n", "\udc80"]
encoder = meaning.Encoder()
for text in rubbish:
    assert np.isfinite(encoder.encode([text])).all()
print(json.dumps([meaning.clean(text) for text in rubbish]))
""")
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789àâäçèéêëìîïñòôöùûü'.,!? ")
    assert all(set(text) <= allowed and len(text) <= 240 for text in json.loads(told))


def test_styled_letters_and_what_is_not_seen_mean_the_same() -> None:
    """Else a text in bold would mean nothing, and that would count for harmless."""
    told = run(r"""
plain = "he does put his hand where he have no business mwen pè"
bold = "".join(chr(0x1D5EE + ord(c) - 97) if "a" <= c <= "z" else c for c in plain)
wide = "".join(chr(ord(c) + 0xFEE0) if "a" <= c <= "z" else c for c in plain)
hidden, parted = "\u200b".join(plain), __import__("unicodedata").normalize("NFD", plain)
print({meaning.clean(text) for text in (plain, bold, wide, hidden, parted)} == {plain})
""")
    assert told.strip() == "True"


def test_where_little_of_a_text_is_of_the_alphabet_the_words_alone_decide() -> None:
    told = run(r"""
look = second_look.shipped()
print(look.deeper.odds("mwen pe li ap touye mwen", "\u043c\u0432\u0435\u043d \u043f\u0435", np.zeros(6), "ht"))
""")
    assert told.strip() == "None"


def test_accents_and_quotes_are_kept() -> None:
    assert run("print(meaning.clean('Li di L\u2019ap TIYÈ m — wi!'))").strip() == "li di l'ap tiyè m wi!"


def test_without_the_encoder_the_second_look_goes_on_with_the_words() -> None:
    """Not installed, a processor that cannot run it, or one that fails or answers nonsense: the answer is that of the
    words alone."""
    told = run("""
import dataclasses
look = second_look.shipped()
deeper = look.deeper
assert deeper is not None and deeper.encoder is not None
text = "we go by the river"
def ask(deeper, surely):
    look.deeper = deeper
    return look.told(text, text, "en", surely, np.array([0.0, 0.0]), 1)
doubt = min(np.linspace(0.01, 0.99, 99), key=lambda surely: abs(ask(None, surely) - 0.5))
bare = ask(dataclasses.replace(deeper, encoder=None), doubt)
whole = ask(deeper, doubt)
class Broken:
    def __init__(self, answer):
        self.answer = answer
    def encode(self, texts):
        if self.answer is None:
            raise RuntimeError("broken")
        return np.full((len(texts), meaning.DIMENSIONS), self.answer)
broken = {ask(dataclasses.replace(deeper, encoder=Broken(answer)), doubt) for answer in (None, np.nan, np.inf)}
print({bare, *broken} == {ask(None, doubt)}, bare != whole, 0 < whole < 1)
""")
    assert told.strip() == "True True True"


def test_a_processor_without_avx2_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor : 0\nflags : fpu sse sse2 avx\n")
    told = run(f"""
from pathlib import Path
import platform
platform.machine = lambda: "x86_64"
meaning.CPU = Path({str(tmp_path / "cpuinfo")!r})
print(meaning.encoder())
meaning.CPU.write_text("flags : fpu avx2 fma f16c\\n")
print(meaning.encoder() is not None)
""")
    assert told.split() == ["None", "True"]


def test_weights_that_are_not_whole_are_refused() -> None:
    told = run("""
told = second_look.shipped().deeper.as_json()
wrong = [told | {"scale": told["scale"][:-1]}, told | {"scale": [float("nan")] * 7}]
wrong.append(told | {"net": told["net"] | {"out": [1]}})
refused = 0
for one in wrong:
    try:
        second_look.Deeper.of_json(one)
    except ValueError:
        refused += 1
print(refused == len(wrong))
""")
    assert told.strip() == "True"


def test_what_the_archive_holds_is_read_back_as_it_was() -> None:
    told = run("""
import json
look = second_look.shipped()
again = second_look.SecondLook.of_json(json.loads(json.dumps(look.as_json())))
text = "we go by the river"
ask = lambda one: one.told(text, text, "en", 0.5, np.array([0.0, 0.0]), 1)
print(abs(ask(look) - ask(again)) < 1e-6)
""")
    assert told.strip() == "True"


def test_of_a_text_that_is_cut_the_beginning_makes_nothing_harmless() -> None:
    """Harm is often told at the end of a long text, which the encoder does not see."""
    told = run("""
look = second_look.shipped()
class Calm:
    def odds(self, vectors):
        return np.array([-50.0])
deeper = second_look.Deeper(Calm(), look.deeper.scale, look.deeper.shifts, look.deeper.encoder)
def ask(deeper, text, surely):
    look.deeper = deeper
    return look.told(text, text, "en", surely, np.array([0.0, 0.0]), 1)
def in_doubt(text):
    surely = min(np.linspace(0.01, 0.99, 99), key=lambda surely: abs(ask(None, text, surely) - 0.5))
    return ask(deeper, text, surely), ask(None, text, surely)
short, long = in_doubt("we go by the river"), in_doubt("we go by the river " * 20)
print(short[0] < short[1] and long[0] == long[1])
""")
    assert told.strip() == "True"
