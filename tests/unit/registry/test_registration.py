from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import captures
import msgspec
import numpy as np
import pytest

import nb2prod
from nb2prod import registry
from nb2prod.capturing import signing
from nb2prod.errors import NotFound, Refused, Unavailable, UsageError
from nb2prod.home import Home
from nb2prod.records.capture import Capture, Output
from nb2prod.registry import connection, mlflow_model, registration
from nb2prod.runtime import flavors


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose path has all that a path may have; the working folder stays empty."""
    working = tmp_path_factory.mktemp("working")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(working)
        yield Home(tmp_path_factory.mktemp("homes") / "hö me 50%")
    assert list(working.iterdir()) == []


@pytest.fixture(scope="module")
def loans(home: Home) -> Capture:
    return captures.capture(home.captures / "loans" / "made")


@pytest.fixture(scope="module")
def registered(home: Home, loans: Capture) -> Any:
    return registry.register(loans, captures.proof(loans), home=home)


def test_a_capture_becomes_version_one_with_its_proof(registered: Any, loans: Capture) -> None:
    assert (registered.name, registered.version, registered.created) == ("loans", 1, True)
    assert (registered.capture, registered.proof) == (loans.digest, "verified")
    assert registered.model_uri == "models:/loans/1"


def test_registering_the_same_capture_again_makes_no_twin(registered: Any, home: Home, loans: Capture) -> None:
    again = registry.register(loans, captures.proof(loans), home=home)
    assert (again.version, again.created) == (1, False)
    assert [version.version for version in registry.versions("loans", home)] == [1]


def test_no_alias_is_set_until_the_champion_is_named(home: Home) -> None:
    made = captures.capture(home.captures / "quiet" / "made", name="quiet")
    registry.register(made, captures.proof(made), home=home)
    assert registry.champion("quiet", home) is None
    registry.set_champion("quiet", 1, home)
    champion = registry.champion("quiet", home)
    assert champion is not None
    assert (champion.version, champion.aliases) == (1, ("champion",))
    assert registry.resolve("models:/quiet@champion", home).version == 1
    assert registry.versions("quiet", home)[0].aliases == ("champion",)


def test_a_version_holds_signature_example_requirements_and_lineage(registered: Any, home: Home) -> None:
    with connection.session(home) as client:
        version = client.get_model_version("loans", "1")
        folder = Path(connection.local_path(version.source) or "")
        run = client.get_run(version.run_id)
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert {line.partition("==")[0] for line in lines} >= {"mlflow", "scikit-learn", "pandas", "msgspec", "numpy"}
    assert not any("bentoml" in line for line in lines)
    assert json.loads((folder / "input_example.json").read_text())["columns"] == ["age", "income", "town", "when"]
    found = {one.dataset.name: one for one in run.inputs.dataset_inputs}
    assert found.keys() == {"X_train", "y_train"}
    assert found["X_train"].tags[0].value == "training"
    assert json.loads(found["X_train"].dataset.profile)["num_rows"] == 300
    assert (folder / mlflow_model.PROOF).is_file()


def test_pyfunc_answers_as_the_model_in_the_models_own_type(
    registered: Any, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    frame, labels = captures.training()
    expected = captures.fitted(frame, labels).predict(frame)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri(home))
    model = mlflow.pyfunc.load_model("models:/loans/1")
    answers = model.predict(frame)
    assert isinstance(answers, np.ndarray)
    assert answers.tolist() == expected.tolist()
    loose = frame.assign(town=frame["town"].astype(str))  # as JSON would bring it
    assert model.predict(loose).tolist() == expected.tolist()


def test_an_interrupted_registration_is_completed_without_a_twin(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    made = captures.capture(home.captures / "torn" / "made", name="torn")
    proof = captures.proof(made)

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    import mlflow

    for step in ("create_logged_model", "log_model_artifacts", "finalize_logged_model", "create_model_version"):
        with monkeypatch.context() as patch:
            patch.setattr(mlflow.MlflowClient, step, die)
            with pytest.raises(Killed):
                registry.register(made, proof, home=home)
        assert registry.versions("torn", home) == []
    assert registry.register(made, proof, home=home).version == 1
    with connection.session(home) as client:
        same = f"tags.`{registration.CAPTURE_TAG}` = '{made.digest}'"
        experiment = client.get_experiment_by_name("nb2prod").experiment_id
        assert len(client.search_runs([experiment], filter_string=same)) == 1
        assert len(client.search_logged_models([experiment], filter_string=same)) == 1


def test_what_was_refused_is_not_registered(home: Home) -> None:
    made = captures.capture(home.captures / "bad" / "made", name="bad")
    with pytest.raises(Refused):
        registry.register(made, captures.proof(made, "refused"), home=home)
    assert registry.versions("bad", home) == []


def test_a_name_that_mlflow_or_bentoml_refuses_is_not_registered(home: Home) -> None:
    made = captures.capture(home.captures / "slash" / "made", name="a/b")
    with pytest.raises(UsageError):
        registry.register(made, captures.proof(made), home=home)


def test_a_later_proof_takes_the_place_of_the_first(home: Home) -> None:
    made = captures.capture(home.captures / "late" / "made", name="late")
    assert registry.register(made, captures.proof(made, "unverified"), home=home).proof == "unverified"
    again = registry.register(made, captures.proof(made), home=home)
    assert (again.version, again.created, again.proof) == (1, False, "verified")
    with connection.session(home) as client:
        folder = connection.local_path(client.get_model_version("late", "1").source)
    assert folder is not None
    assert json.loads((folder / mlflow_model.PROOF).read_text())["status"] == "verified"


def test_a_capture_comes_back_from_the_registry_whole(registered: Any, home: Home, loans: Capture) -> None:
    other = Home(home.root.parent / "other", cache=home.cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri(home))
        fetched = registry.fetch("loans", 1, other)
    assert fetched.digest == loans.digest
    assert fetched.folder == other.captures / loans.digest[:12]
    assert fetched.live is None


def test_a_changed_artifact_is_refused(home: Home) -> None:
    made = captures.capture(home.captures / "tampered" / "made", name="tampered")
    registry.register(made, captures.proof(made), home=home)
    with connection.session(home) as client:
        folder = Path(connection.local_path(client.get_model_version("tampered", "1").source) or "")
    (folder / "capture" / "model" / "flavor.json").write_text("{}")
    with pytest.raises(Refused) as caught:
        registry.fetch("tampered", 1, home)
    assert caught.value.code == "tampered"


def test_where_keys_are_trusted_a_version_that_another_signed_is_brought_and_refused(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = captures.capture(home.captures / "theirs" / "made", name="theirs")
    signing.sign(made.folder, made.manifest, Home(tmp_path / "theirs"))
    registry.register(made, captures.proof(made), home=home)
    signing.public_key(home)
    monkeypatch.setenv("NB2PROD_TRUSTED_KEYS", str(home.trusted))
    for load in (lambda: registry.fetch("theirs", 1, home), lambda: nb2prod.load("theirs/1", home)):
        with pytest.raises(Refused) as caught:
            load()
        assert caught.value.code == "foreign-key"
        assert caught.value.kept == "nothing was loaded"


def test_an_unknown_version_is_not_found(registered: Any, home: Home) -> None:
    for uri in ("models:/loans/99", "models:/nobody/1", "models:/loans@nobody", "models:/nobody"):
        with pytest.raises(NotFound) as caught:
            registry.resolve(uri, home)
        known = "`loans` has the versions 1" if "loans" in uri else "No registered model is called `nobody`."
        assert caught.value.why.startswith(known)
    with pytest.raises(UsageError):
        registry.resolve("runs:/1/model", home)


def test_a_version_that_mlflow_alone_registered_gives_its_model_and_no_capture(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    frame, labels = captures.training()
    model = captures.fitted(frame[["age", "town"]], labels)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.prepare(home))
    folder = home.root / "foreign"
    mlflow.sklearn.save_model(model, folder, pip_requirements=["scikit-learn"], serialization_format="cloudpickle")
    with connection.session(home) as client:
        client.create_registered_model("foreign")
        client.create_model_version("foreign", source=folder.as_uri())
    assert registry.versions("foreign", home) == []
    loaded = registry.load("models:/foreign/1", home)
    assert loaded.predict(frame).tolist() == model.predict(frame).tolist()
    with pytest.raises(Refused) as caught:
        registry.fetch("foreign", 1, home)
    assert caught.value.code == "not-captured"


def test_a_pyfunc_that_others_registered_comes_with_the_files_that_it_is_saved_from(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.prepare(home))
    folder = home.root / "pyfunc"
    mlflow.pyfunc.save_model(folder, python_model=lambda model_input: model_input, pip_requirements=["pandas"])
    with connection.session(home) as client:
        client.create_registered_model("echo")
        client.create_model_version("echo", source=folder.as_uri())
    model = registry.load("models:/echo/1", home)
    assert registry.captured("models:/echo/1", home) is None
    assert flavors.save(model, home.root / "saved").format == "mlflow"
    assert (home.root / "saved" / "mlflow" / "MLmodel").is_file()
    with pytest.raises(NotFound):
        registry.load("runs:/0123456789abcdef0123456789abcdef/model", home)


def test_a_uri_gives_the_name_that_it_is_registered_under() -> None:
    assert registry.is_uri("runs:/1/model")
    assert not registry.is_uri("model")
    assert registry.suggested_name("models:/loans@champion") == registry.suggested_name("models:/loans/3") == "loans"
    assert registry.suggested_name("runs:/1/model") is None
    assert registry.suggested_name("models:/m-" + "0" * 32) is None


def test_remove_takes_versions_runs_and_files(home: Home) -> None:
    made = captures.capture(home.captures / "gone" / "made", name="gone")
    registry.register(made, captures.proof(made), home=home)
    before = set((home.mlflow / "artifacts" / "models").iterdir())
    assert registry.remove("gone", home) == 1
    assert registry.versions("gone", home) == []
    assert len(set((home.mlflow / "artifacts" / "models").iterdir())) == len(before) - 1


def test_an_unreachable_registry_says_so_and_shows_no_password(loans: Capture, home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://user:secret@127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable) as caught:
            registry.register(loans, captures.proof(loans), home=home, tracking_uri=uri)
    assert caught.value.code == "registry-unreachable"
    assert "secret" not in str(caught.value)


def test_a_registry_that_fails_is_asked_once_and_not_again_and_again(loans: Capture, home: Home) -> None:
    asked: list[str] = []

    class Busy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(503)

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(Unavailable):
            registry.register(
                loans, captures.proof(loans), home=home, tracking_uri=f"http://127.0.0.1:{server.server_port}"
            )
        server.shutdown()
    assert len(asked) == 1


def test_a_registry_that_accepts_and_never_answers_is_unreachable_too(
    loans: Capture, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection._HASTE, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        uri = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(Unavailable):
            registry.register(loans, captures.proof(loans), home=home, tracking_uri=uri)


def test_no_thread_and_no_telemetry_stay_behind(registered: Any) -> None:
    import os

    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if "mlflow" in name.lower() or "telemetry" in name.lower()]


@pytest.mark.parametrize("dtype", ["<U2", "<U17", "str", "object", "S3", "float32"])
def test_answers_of_any_dtype_have_a_signature_of_mlflow(dtype: str, loans: Capture) -> None:
    output = Output(kind="class", container="array", dtype=dtype, classes=("hi", "lo"))
    said = mlflow_model.signature(msgspec.structs.replace(loans.record.signature, output=output))
    assert said.outputs.to_dict()[0]["tensor-spec"]["dtype"] in ("str", "object", "bytes", "float32")
