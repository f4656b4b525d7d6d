"""One contract, held by both places where predictions are kept."""

import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from azure.storage.blob import ContainerClient

from scoring.cluster.stores.blob_store import BlobStore
from scoring.cluster.stores.opening import open_result_store
from scoring.cluster.stores.result_store import FolderStore, ManifestConflictError, ResultStore, StoredManifest
from simulator.azure.cloud.blobs.azurite import slot_key
from stream_queries.errors import UserError
from tests.scoring.places import Place
from tests.simulator.event_hubs.full_disk import file_size_limit

FOLDER = "2026/01/01/20260101T010000Z--20260101T020000Z"
OTHER_FOLDER = "2026/01/01/20260101T020000Z--20260101T030000Z"


@pytest.fixture
def store(place: Place) -> ResultStore:
    return place.store


def written(store: ResultStore, content: bytes) -> StoredManifest:
    """The manifest after `content` was written, whatever it was before."""
    store.write_manifest(FOLDER, content, replaces=store.read_manifest(FOLDER))
    stored = store.read_manifest(FOLDER)
    assert stored is not None
    return stored


def test_before_any_run_there_is_no_manifest(store: ResultStore):
    assert store.read_manifest(FOLDER) is None


def test_a_manifest_is_read_as_it_was_written(store: ResultStore):
    store.write_manifest(FOLDER, b'{"first": "\xc3\xa9"}\n', replaces=None)
    stored = store.read_manifest(FOLDER)
    assert stored is not None and stored.content == b'{"first": "\xc3\xa9"}\n'
    assert store.read_manifest(FOLDER) == stored


def test_each_interval_has_its_own_manifest(store: ResultStore):
    store.write_manifest(FOLDER, b"first", replaces=None)
    assert store.read_manifest(OTHER_FOLDER) is None
    store.write_manifest(OTHER_FOLDER, b"second", replaces=None)
    found = [store.read_manifest(folder) for folder in (FOLDER, OTHER_FOLDER)]
    assert [stored and stored.content for stored in found] == [b"first", b"second"]


def test_a_first_manifest_does_not_replace_one_that_came_in_between(store: ResultStore):
    stored = written(store, b"theirs")
    with pytest.raises(ManifestConflictError, match="written by another run"):
        store.write_manifest(FOLDER, b"ours", replaces=None)
    assert store.read_manifest(FOLDER) == stored


def test_a_manifest_replaces_the_one_that_its_writer_saw(store: ResultStore):
    store.write_manifest(FOLDER, b"ours", replaces=written(store, b"theirs"))
    stored = store.read_manifest(FOLDER)
    assert stored is not None and stored.content == b"ours"


def test_a_manifest_does_not_replace_another_than_its_writer_saw(store: ResultStore):
    seen = written(store, b"first")
    stored = written(store, b"second")
    with pytest.raises(ManifestConflictError, match="written by another run"):
        store.write_manifest(FOLDER, b"ours", replaces=seen)
    assert store.read_manifest(FOLDER) == stored


def test_a_manifest_does_not_replace_one_that_is_gone(store: ResultStore):
    seen = written(store, b"of another interval")
    with pytest.raises(ManifestConflictError, match="written by another run"):
        store.write_manifest(OTHER_FOLDER, b"ours", replaces=seen)
    assert store.read_manifest(OTHER_FOLDER) is None


@pytest.mark.parametrize("exists", [False, True])
def test_of_many_writers_that_saw_the_same_one_wins(store: ResultStore, exists: bool):
    seen = written(store, b"theirs") if exists else None
    writers = 8
    together = Barrier(writers)

    def write(number: int) -> bool:
        together.wait()
        try:
            store.write_manifest(FOLDER, b"writer %d" % number, replaces=seen)
        except ManifestConflictError:
            return False
        return True

    with ThreadPoolExecutor(writers) as threads:
        won = list(threads.map(write, range(writers)))
    stored = store.read_manifest(FOLDER)
    assert sum(won) == 1
    assert stored is not None and stored.content == b"writer %d" % won.index(True)


def test_a_part_is_there_once_it_was_written_and_reads_as_written(store: ResultStore):
    content = b"\x00content"
    assert not store.has_part(FOLDER, "part-1.parquet", content)
    store.write_part(FOLDER, "part-1.parquet", content)
    assert store.has_part(FOLDER, "part-1.parquet", content)
    assert not store.has_part(FOLDER, "part-2.parquet", content)
    assert not store.has_part(OTHER_FOLDER, "part-1.parquet", content)
    assert store.read_part(FOLDER, "part-1.parquet") == content


def test_a_part_that_was_cut_short_is_not_there_and_is_written_anew(store: ResultStore):
    store.write_part(FOLDER, "part-1.parquet", b"cont")
    assert not store.has_part(FOLDER, "part-1.parquet", b"content")
    store.write_part(FOLDER, "part-1.parquet", b"content")
    assert store.read_part(FOLDER, "part-1.parquet") == b"content"


def test_writing_a_part_twice_is_writing_it_once(place: Place):
    for _ in range(2):
        place.store.write_part(FOLDER, "part-1.parquet", b"content")
    assert {name: content for name, (content, _) in place.files().items()} == {f"{FOLDER}/part-1.parquet": b"content"}


def test_a_part_that_is_there_is_whole_while_others_write_it(store: ResultStore):
    """Two runs of one interval may write the same part at the same time, and a third may read it."""
    content = bytes(range(256)) * 16_000
    writers = 4
    together = Barrier(writers + 1)

    def write(_: int) -> None:
        together.wait()
        store.write_part(FOLDER, "part-1.parquet", content)

    with ThreadPoolExecutor(writers) as threads:
        writing = [threads.submit(write, number) for number in range(writers)]
        together.wait()
        read = []
        while not all(future.done() for future in writing) or not read:
            if store.has_part(FOLDER, "part-1.parquet", content):
                read.append(store.read_part(FOLDER, "part-1.parquet"))
        for future in writing:
            future.result()
    assert all(found == content for found in read)


def test_a_part_that_is_missing_is_named(store: ResultStore):
    store.write_manifest(FOLDER, b"names a part that somebody deleted", replaces=None)
    with pytest.raises(UserError, match=rf"cannot read .*{FOLDER}/part-1\.parquet: "):
        store.read_part(FOLDER, "part-1.parquet")


# ---- What can be wrong with a folder.

OPERATIONS: dict[str, Callable[[ResultStore], object]] = {
    "read manifest": lambda store: store.read_manifest(FOLDER),
    "write manifest": lambda store: store.write_manifest(FOLDER, b"{}", replaces=None),
    "read part": lambda store: store.read_part(FOLDER, "part-1.parquet"),
    "write part": lambda store: store.write_part(FOLDER, "part-1.parquet", b""),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_folder_below_a_file_is_refused_by_name(tmp_path: Path, operation: str):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match=rf"^cannot (read|write) .*{tmp_path / 'file'}.*: Not a directory$"):
        OPERATIONS[operation](FolderStore(tmp_path / "file"))
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("operation", ["read manifest", "write manifest"])
def test_a_folder_in_the_manifests_place_is_refused(tmp_path: Path, operation: str):
    (tmp_path / FOLDER / "manifest.json").mkdir(parents=True)
    with pytest.raises(UserError, match=r"manifest\.json: Is a directory$"):
        OPERATIONS[operation](FolderStore(tmp_path))


def test_a_full_disk_leaves_the_old_manifest_and_nothing_else(tmp_path: Path):
    store = FolderStore(tmp_path)
    seen = written(store, b"old")
    with file_size_limit(1_000):
        for write in (
            lambda: store.write_part(FOLDER, "part-1.parquet", b"." * 2_000),
            lambda: store.write_manifest(FOLDER, b"." * 2_000, replaces=seen),
        ):
            with pytest.raises(UserError, match=r"^cannot write predictions to .*: File too large$"):
                write()
    assert store.read_manifest(FOLDER) == seen
    assert [file.name for file in (tmp_path / FOLDER).iterdir()] == ["manifest.json"]


def test_others_may_read_what_the_umask_lets_them(tmp_path: Path):
    (tmp_path / "ordinary").touch()
    store = FolderStore(tmp_path)
    store.write_part(FOLDER, "part-1.parquet", b"")
    store.write_manifest(FOLDER, b"{}", replaces=None)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.rglob("*") if file.is_file()}
    assert len(modes) == 1


# ---- What can be wrong with a container.


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_container_that_does_not_exist_is_named(azurite: str, operation: str):
    with ContainerClient.from_connection_string(azurite, "nowhere") as container:
        message = rf"^cannot (read|write) {container.url}/{FOLDER}/.*: The specified container does not exist\.$"
        with pytest.raises(UserError, match=message):
            OPERATIONS[operation](BlobStore(container))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_account_that_cannot_be_reached_is_named(operation: str):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        account = f"http://127.0.0.1:{taken.getsockname()[1]}/account"
        with ContainerClient(account, "predictions", credential=slot_key("slot00"), retry_total=0) as container:
            message = rf"^cannot (read|write) {account}/predictions/{FOLDER}/.*Connection refused$"
            with pytest.raises(UserError, match=message):
                OPERATIONS[operation](BlobStore(container))


def test_a_credential_that_is_refused_is_said_in_one_line(azurite: str):
    wrong_key = azurite.replace(slot_key("slot00"), slot_key("slot01"))
    with ContainerClient.from_connection_string(wrong_key, "any") as container, pytest.raises(UserError) as refused:
        BlobStore(container).write_part(FOLDER, "part-1.parquet", b"")
    assert str(refused.value).startswith(f"cannot write {container.url}") and "\n" not in str(refused.value)


# ---- Which place a location means.


@pytest.mark.parametrize("location", ["out/predictions", "/mnt/predictions", "https-results"])
def test_a_path_is_a_folder(location: str):
    store = open_result_store(location)
    assert isinstance(store, FolderStore) and store.root == Path(location)


def test_a_url_is_a_container_reached_with_an_identity():
    assert isinstance(open_result_store("https://account.blob.core.windows.net/predictions"), BlobStore)


def test_a_url_of_nothing_is_refused():
    with pytest.raises(UserError, match=r"'https://' is not https://ACCOUNT\.blob\.core\.windows\.net/CONTAINER"):
        open_result_store("https://")


def test_predictions_in_a_folder_need_none_of_the_azure_packages():
    code = (
        "import sys; from scoring.cluster.stores.opening import open_result_store; "
        "open_result_store('predictions');"
        "sys.exit(any(name.split('.')[0] in ('azure', 'msal') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
