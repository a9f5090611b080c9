"""One spelling for what people type: lower case, no accents, creole short forms written out, SMS shorthand expanded.

Used by the safety reader, the keywords, the gazetteer and (through a symbolic link) the Rasa components, so it needs
the standard library alone and runs on Python 3.10. Pure, never raises, about 0.03 ms for a text message.

The rules are those that measured a gain on real Haitian messages (fused tense markers and pronouns, old orthography,
French-like spellings), and English SMS shorthand. Words of one or two letters are treated by grammar only: the public
4636 messages lost their accented letters, so nothing about short words may be learned from them.
"""

import re
import unicodedata
from functools import lru_cache

LIMIT = 2000  # characters read of one message, and given back: far more than any person types
_LONG = 30  # letters of a word: of longer ones few come twice, and the five thousand kept could take ten megabytes
_FLOOD = 10 * LIMIT  # characters looked at before combining marks and invisible characters are dropped

_LETTERS = str.maketrans({"\u0131": "i", "\u0153": "oe", "\u00e6": "ae", "\u00df": "ss", "\u00f8": "o"})
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"  # zero width, bidirectional, soft hyphen
    "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe2f]+"  # combining marks
)
_QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u201b\u2032\u00b4`\u02bc\uff07"), "'")
_SIGNS = {"\U0001f52a": " knife ", "\U0001f52b": " gun ", "\U0001f198": " sos ", "&": " and "}
_SIGN = re.compile("[\U0001f52a\U0001f52b\U0001f198&]")
_MASKED = re.compile(r"(?<=[a-z])\*+(?=[a-z])")  # r*pe
_REPEAT = re.compile(r"([^\W\d_])\1{2,}(?=(\w)?)")
_WORD = re.compile(r"[^\W_]+")
_ENGLISH_TAIL = re.compile(  # don't, I'm, he's, who'll
    r"(?<=n)'(?=t(?![^\W_]))|(?<=\bi)'(?=m(?![^\W_]))|(?<=[ehutyo])'(?=(?:s|re|ve|ll|d)(?![^\W_]))"
)
_CONTRACTION = re.compile(r"(?<=[^\W\d_])'(?=(?:m|s|re|ve|ll|d)(?![^\W_]))")

# Creole grammar: a pronoun of one letter before or after its word, with or without apostrophe, space or nothing.
_PRONOUN = {"m": "mwen", "n": "nou", "w": "ou", "l": "li", "y": "yo"}
_BEFORE = {**_PRONOUN, "k": "ki", "t": "te", "p": "pa"}
_SHORT = {**_PRONOUN, "k": "ki", "pm": "pou mwen", "bm": "ban mwen", "dm": "di mwen", "im": "im"}
_SHORT |= {"banm": "ban mwen", "bam": "ban mwen", "pam": "pa mwen", "kim": "ki mwen", "paw": "pa ou", "baw": "ba ou"}
_SHORT |= {"pagen": "pa gen", "pagin": "pa gen", "mtap": "mwen te ap", "ntap": "nou te ap", "mpap": "mwen pa ap"}
_TENSE = re.compile("([mnwlyktp])ap")
_BASES = (
    "pou ede fe si di ak bat frape touye tiye vyole viole menase rele kite mete fose manyen voye jete chase bay kenbe "
    "anmede mare kraze blese sove chache dwe peye trete joure pran santi akote sou avek kont pase kote renmen trape"
)
_JOINED = re.compile("(" + "|".join(sorted(_BASES.split(), key=len, reverse=True)) + ")([mnwl])")
# Soul, hunger, leaf, chicken ...: whole words that only look like a base with a pronoun.
_WHOLE = frozenset("fen fel bann din dil sin sil siy poul foul akn sel sen san soul".split())
_LED = re.compile(
    "([mnwly])(pa|te|pral|vle|bezwen|beswen|gen|genyen|ta|ka|rele|rete|grangou|swaf|mouri|mande|konnen|konn|di|pale|viv"
    "|renmen|remen|ansent|malad|santi|pe|soufri|jwenn|fek|soti|pedi|voye|sispann|deja|poko)"
)
_PAIRS = (
    (re.compile(r"\b([tp]) ap\b"), lambda m: _BEFORE[m[1]] + " ap"),
    (re.compile(r"\bti moun\b"), "timoun"),
    (re.compile(r"\bgran gou\b"), "grangou"),
    (re.compile(r"\bki jan\b"), "kijan"),
    (re.compile(r"\bpou ki sa\b"), "poukisa"),
    (re.compile(r"\bes ke\b"), "eske"),
    (re.compile(r"\bs(?:i|il) (?:ou|vou|vous|te) (?:ple|plait)\b"), "souple"),
)


def _pairs(rows: str) -> dict[str, str]:
    """Lines of 'word: variant variant' as variant -> word."""
    table = {}
    for row in rows.strip().splitlines():
        word, variants = row.split(":")
        table.update(dict.fromkeys(variants.split(), word.strip()))
    return table


_CREOLE_WORDS = _pairs("""
mwen: mouin moin moen mwin mw mwn mwem mwe muen mwenn mwein mouen
bezwen: beswen besoin bezoin bzwen bezwin bizwen bezwenn bzw bezouin bizwin bouzwen bezwn bezuen bzn
souple: svp stp silvouple sivouple silteple soupl suple siouple siviple sivoupl
tanpri: tampri tanpi tanprii
genyen: gnyen ginyin ginyen genyien genyin
gen: gin
jwenn: jwen jouen joinn jwinn jwin jwe
manje: mange manger manj manjer
konnen: konen konnin conin connin konin connen kone konne
renmen: remen rinmin rinmen rimen remin
enfomasyon: infomasyon enfomatyon infomation enfomation infomasion enfomasion infomatyon
koman: kouman comment komen coman
kijan: kijam kijhan kigan
travay: travail travaille traval travaj
job: djob dyob
bonjou: bonjour bjr bonju
bonswa: bonsoir bswa bonsoi bonswar
mesi: merci mersi mercy
anpil: ampil anpill enpil
pwoblem: problem probleme poblem pwoblm pwobleme pwblem
fanmi: fami famille famiy fanmiy
manman: maman mamman
dlo: dleau delo dlow
medikaman: medicaman medicament medikament medikamen medicaments medikamant
lopital: hopital lopitall opital
lekol: lecole ecole lekoll
papye: papier papie papiers
paske: pask parske paskeu parceque packe
eske: ske esk esque eskeu
kounye a: kounyea kounya kounia kounie koulyea kouliea
jodi a: jodia jodya
touye: tuye tiye twye touye tiwe touyer
timoun: tymoun timoum timou timoune
ede: aide aider edee
kay: kaye
dokte: docte dokter docteur
poukisa: pkisa poukwa poukoi
avek: avec evek avk
tout: toute toutt
toujou: toujours toujour
vyole: viole violer vyoler
kadejak: kadejake cadejak kadejaq kadjak cadejaque
menase: menace menacer menas
lapolis: lapolice lapolis polis
swisid: suicide siwisid suisid
ansent: anseint enceinte ansint ansante
moun: mounn moon
vle: veu vleu
tifi: tyfi
tigason: tigarson tigaso
kob: cob
paran: parent
kote: cote kot
kisa: kissa
tounen: tounin
madanm: madam madame madan
""")
_ACF = {"y": "i", "mon": "mwen", "man": "mwen"}  # Kweyol: ba y, and I by region
_ENGLISH_WORDS = _pairs("""
you: u yu yuh
your: ur yur yuhr
are: r
please: pls plz plse pleas pliz pleez
tomorrow: tmrw tmr tomoro 2moro 2morrow tmrow tomorow tommorow tommorrow
tonight: 2nite tonite 2night tonit
today: 2day tday
thanks: thx tks tnx thnx thanx tanks
thank you: ty thankyou
before: b4
because: cuz coz bcz becuz bcuz cos becos
people: ppl peeps
someone: sum1 some1 smone sumone
anyone: ne1 any1
everyone: every1 evry1
for: fr
with: wit wid wiv
and: n
the: d de da
that: dat
them: dem
they: dey
this: dis
there: dere
my: meh
want: wah wanna wnt
going to: gonna gon gunna
about: abt bout
help: hlp halp heelp helpp hep
need: ned nid ned nd
what: wat wha wht
where: wer whr wey
when: wen
where is: wheres
does: duz
child: chile
children: chilren childrens pickney pikni
doctor: doc docter dr doctr
hospital: hosp hosptal hospitel
medicine: meds medecine medicin
message: msg
phone: fone
house: hse
place: plc
money: monie munny
work: wrk wuk
girl: gyal gal gurl
beat: beet
boyfriend: bf boyfren
girlfriend: gf
scared: scard skared
killing: killin killn
beating: beatin beatn beatting
hitting: hittin hiting
touching: touchin tuching
raped: rapped
love: luv
night: nite
right: rite rght
""")
_CREOLE_MARKS = frozenset(
    """mwen bezwen souple gen genyen nou nan ap pou li yo ak anpil grangou dlo manje kote ki kijan koman pa te ede fanmi
    pitit timoun kay lakay travay jwenn konnen renmen eske vle pral ou se sa yon epi paske poukisa moun bonjou bonswa
    mesi toujou ka ni ke ek zot bat touye kounye jodi lajan kob papye lopital lekol manman malad swaf mouri tanpri ban
    di fe rele rete tifi tigason fi gason kisa ye ta poko deja lan sou tet lapli siklon tant lapolis vyole kadejak
    menase ansent mari madanm nonm peye kite lavi dwa enfomasyon medikaman dokte sante soti pwoblem avek lonje frape
    map nap lap wap yap poum edem sim fem m w l k n""".split()
)
_ENGLISH_MARKS = frozenset(
    """the and you your he she we they my is are was were to of in at for with that this it not does did have has need
    want please where when what who how can will going from there been am im dont him her his thanks help them said
    me u ur pls and""".split()
)
_ROMANCE_MARKS = frozenset(
    """je vous les des est une dans pas de du le mes nous ils elle et au aux mon ma sur avec suis besoin pour que qui el
    los las por para una con mi necesito donde es en del no mis esta tengo puede ayuda c j d""".split()
)


@lru_cache(maxsize=64)  # both readers, each language's phrases and the topic ask about the same text
def normalise(text: str, language: str | None = None) -> str:
    """The text as plain words with single spaces between; `language` (a taxonomy code) chooses which short forms are
    written out. Without one, the text's own words decide. Applying it twice changes nothing more.
    """
    plain = _plain(text)
    kind = language or _kind(_WORD.findall(plain))
    result = _creole(plain, kind) if kind in ("ht", "acf") else _other(plain, kind)
    return result if len(result) <= LIMIT else normalise(result[:LIMIT].rpartition(" ")[0] or result[:LIMIT], language)


def tokens(normalised: str) -> list[str]:
    """The words of a normalised text."""
    return normalised.split()


def plain_words(text: str) -> list[str]:
    """The words as typed, in lower case without accents: no short form is written out."""
    return _WORD.findall(_plain(text))


@lru_cache(maxsize=64)
def _plain(text: str) -> str:
    """Lower case without accents, invisible characters and drawn-out letters."""
    text = _UNSEEN.sub("", text[:_FLOOD])[:LIMIT]
    text = _SIGN.sub(lambda found: _SIGNS[found[0]], text).translate(_QUOTES)
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(
            c for c in text if not unicodedata.combining(c) and unicodedata.category(c) not in ("Cf", "Me", "Mn")
        )
    text = _REPEAT.sub(_squeeze, _MASKED.sub("", text.lower().translate(_LETTERS)))
    return _ENGLISH_TAIL.sub("", text)


def _squeeze(found: re.Match[str]) -> str:
    """One letter for three or more; two where English may have meant two (sleeep, killl)."""
    letter, after = found[1], found[2]
    return letter * 2 if (letter in "eo" and after) or (letter in "ls" and not after) else letter


def _kind(words: list[str]) -> str:
    """Which family's short forms to use when nobody knows the language: ht for any creole, en, or fr (also Spanish)."""
    creole = sum(word in _CREOLE_MARKS for word in words)
    english = sum(word in _ENGLISH_MARKS for word in words)
    romance = sum(word in _ROMANCE_MARKS for word in words)
    if creole > english and creole >= romance:
        return "ht"
    return "fr" if romance > english else "en"


def _creole(plain: str, kind: str) -> str:
    words = " ".join(
        [_known(word, kind) if len(word) <= _LONG else _creole_word(word, kind) for word in _WORD.findall(plain)]
    )
    for pattern, whole in _PAIRS:
        words = pattern.sub(whole, words)
    return words


def _creole_word(word: str, kind: str) -> str:
    if kind == "acf" and word in _ACF:
        return _ACF[word]
    known = _SHORT.get(word) or _CREOLE_WORDS.get(word)
    if known or word in _WHOLE:
        return known or word
    if found := _TENSE.fullmatch(word):
        return _BEFORE[found[1]] + " ap"
    if found := _JOINED.fullmatch(word):
        base = found[1]
        return f"{_CREOLE_WORDS.get(base, base)} {_PRONOUN[found[2]]}"
    if found := _LED.fullmatch(word):
        rest = found[2]
        return f"{_PRONOUN[found[1]]} {_CREOLE_WORDS.get(rest, rest)}"
    return word


_known = lru_cache(maxsize=5_000)(_creole_word)  # people use few words


def _other(plain: str, kind: str) -> str:
    plain = _CONTRACTION.sub("", plain)
    words = _WORD.findall(plain)
    return " ".join([_ENGLISH_WORDS.get(word, word) for word in words] if kind == "en" else words)
