"""The folder is the list: NAME.yaml is wrong, and NAME.txt holds each of its faults as `line: message`."""

from pathlib import Path

import pytest

from relay.config import load
from relay.model.errors import ConfigError

FOLDER = Path(__file__).parents[2] / "bad_configs"
BAD = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_every_fault_is_told_with_its_line(file: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(file)
    told = [f"{fault.line}: {fault.message.replace(f'{FOLDER}/', '')}" for fault in raised.value.faults]
    assert told == file.with_suffix(".txt").read_text("utf-8").splitlines()
    assert {fault.file for fault in raised.value.faults} == {str(file)}


def test_the_folder_is_whole() -> None:
    assert len(BAD) >= 25
    assert {file.stem for file in FOLDER.glob("*.txt")} == {file.stem for file in BAD}
