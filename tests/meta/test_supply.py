"""What we are made of is listed whole, what is known about it is told or said not to be known, no secret is in git."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from base.settings import ROOT
from scripts import audit, sbom, scan_secrets
from tests.meta.sources import texts

WHOLE = json.dumps({"dependencies": [{"name": "flask", "version": "3.1.3", "vulns": []}], "fixes": []})


@pytest.mark.parametrize("lock", sbom.LOCKS.values(), ids=sbom.LOCKS)
def test_every_locked_package_stands_in_the_list_with_its_hashes(lock: Path) -> None:
    made = json.loads(sbom.written(lock))
    listed = {(one["name"], one["version"]): one for one in made["components"]}
    locked = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    wanted = [one for one in locked if "registry" in one["source"]]
    assert len(wanted) == len(locked) - 1 > 100, "all but ourselves come from the registry"
    assert {(one["name"], one["version"]) for one in wanted} == set(listed)
    for one in wanted:
        files = [*([one["sdist"]] if "sdist" in one else []), *one.get("wheels", [])]
        shown = listed[one["name"], one["version"]]["externalReferences"]
        assert {file["hash"].removeprefix("sha256:") for file in files} == {
            reference["hashes"][0]["content"] for reference in shown
        }
    [ours] = [one["name"] for one in locked if "registry" not in one["source"]]
    assert made["metadata"]["component"]["name"] == ours
    needs = {one["ref"]: one.get("dependsOn", []) for one in made["dependencies"]}
    assert needs[made["metadata"]["component"]["bom-ref"]], "what we need ourselves is said"


@pytest.mark.parametrize("lock", sbom.LOCKS.values(), ids=sbom.LOCKS)
def test_the_list_is_valid_by_the_schema_of_cyclonedx(lock: Path) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(sbom.written(lock)) is None
    assert validator.validate_str('{"bomFormat": "CycloneDX", "components": 1}') is not None


def test_an_audit_that_could_ask_nobody_is_never_green() -> None:
    unreachable = [
        audit.read("ours", ""),
        audit.read("ours", "ERROR: connection refused"),
        audit.read("ours", '{"dependencies": [], "fixes": []}'),
        audit.read("ours", WHOLE.replace('"vulns": []', '"skip_reason": "not found on PyPI"').replace("3.1.3", "x")),
    ]
    for seen in unreachable:
        code, lines = audit.told([seen, audit.read("theirs", WHOLE)])
        assert code == audit.NOT_AUDITED
        assert any(line.startswith("NOT AUDITED: ours") for line in lines)
    assert audit.told([audit.read("ours", WHOLE), audit.read("theirs", "")])[0] == audit.NOT_AUDITED


def test_a_known_fault_of_ours_fails_and_one_of_rasa_s_is_told() -> None:
    faulty = WHOLE.replace('"vulns": []', '"vulns": [{"id": "PYSEC-2026-1"}]')
    assert audit.told([audit.read("ours", WHOLE), audit.read("theirs", WHOLE)])[0] == audit.CLEAN
    code, lines = audit.told([audit.read("ours", faulty), audit.read("theirs", "")])
    assert code == audit.FAULTY, "also when the other one could not be looked at"
    assert "audit: ours: flask 3.1.3: PYSEC-2026-1" in lines
    code, lines = audit.told([audit.read("ours", WHOLE), audit.read("theirs", faulty)])
    assert code == audit.CLEAN
    assert "audit: theirs: flask 3.1.3: PYSEC-2026-1" in lines


def test_ci_makes_the_list_asks_and_says_at_the_end_when_it_could_not() -> None:
    run = texts()[".ci/run"]
    assert "make sbom" in run
    assert "make audit" in run
    assert run.rstrip().endswith("""grep '^NOT AUDITED' <<<"$audited" || true""")


def test_a_secret_in_a_file_is_found_and_its_words_are_not_told(tmp_path: Path) -> None:
    secret = "AK" + "IAIOSFODNN7" + "EXAMPLD"
    (tmp_path / "a.py").write_text(f"x = 1\nkey = '{secret}'\n")
    told = scan_secrets.new(scan_secrets.scan(["a.py"], tmp_path), set())
    assert any(one.startswith("a.py:2: AWS") for one in told)
    assert secret not in str(told)


def test_what_was_accepted_may_move_and_nothing_else_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("password = 'tres-secret-9'\n")
    first = scan_secrets.scan(["a.py"], tmp_path)
    accepted = {(name, one.type, one.secret_hash) for name, one in first}
    assert accepted
    (tmp_path / "a.py").write_text("\n\npassword = 'tres-secret-9'\n")
    assert scan_secrets.new(scan_secrets.scan(["a.py"], tmp_path), accepted) == []
    (tmp_path / "a.py").write_text("password = 'another-secret-9'\n")
    assert scan_secrets.new(scan_secrets.scan(["a.py"], tmp_path), accepted) != []


def test_the_files_that_are_looked_through_are_ours(tmp_path: Path) -> None:
    looked = set(scan_secrets.files())
    assert {"config.yml", "base/settings.py", "deploy/compose.yml", ".ci/run", "tests/conftest.py"} <= looked
    assert not {"uv.lock", ".secrets.baseline"} & looked


def test_the_scan_asks_nobody_whether_a_secret_is_real(tmp_path: Path) -> None:
    """Run where no network can be had: a socket that is opened ends the process."""
    (tmp_path / "a.py").write_text(
        "key = '" + "AK" + "IAIOSFODNN7EXAMPLD'\ns = 'w" + "JalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEZ'\n"
    )
    script = (
        "import os, pathlib, sys\n"
        "sys.addaudithook(lambda event, _: event in {'socket.getaddrinfo', 'socket.connect'} and os._exit(9))\n"
        "from scripts.scan_secrets import scan\n"
        f"print(len(list(scan(['a.py'], pathlib.Path({str(tmp_path)!r})))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 1
