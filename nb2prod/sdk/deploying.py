"""Deploy: the steps in their order, side by side where they may be, and nothing half-done when one fails."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec.structs import replace

from nb2prod import environments, packaging, registry
from nb2prod.capturing.capture import identical
from nb2prod.capturing.folders import refused
from nb2prod.capturing.scores import OUT_OF_FOLD
from nb2prod.errors import Nb2prodError, Refused
from nb2prod.home import Home
from nb2prod.records.capture import Capture, Finding
from nb2prod.records.lifecycle import Outcome
from nb2prod.records.proof import BentoRef, RegisteredVersion, Status, Verification
from nb2prod.records.serving import ServiceSettings
from nb2prod.sdk import limits, proof, versions
from nb2prod.sdk.ahead import Begun
from nb2prod.sdk.card.words import size
from nb2prod.sdk.client import Client
from nb2prod.sdk.comparison import Comparison, compare
from nb2prod.sdk.deployment import Deployment
from nb2prod.sdk.environment import write_variables
from nb2prod.sdk.journal import Journal, verified
from nb2prod.sdk.twins import Live, Twin, canary_of, find_twin, live_of
from nb2prod.sdk.versions import crown, switching, to_the_end
from nb2prod.sdk.wish import Wish
from nb2prod.targets.local import LocalTarget

LOCK_SECONDS = 900.0


def run(capture: Capture, wish: Wish, *, home: Home, journal: Journal, begun: Begun | None = None) -> Deployment:
    """Verify, register, package and deploy a capture under its name.

    The first worker starts beside the replays, without traffic and without a version; it gets both once every replay gave
    the kernel's answers. Until then whatever ran before goes on, and an error leaves only what a rerun uses again.
    """
    limits.check(capture.record.signature, wish.limits.wanted)
    limits.check_sample(capture, wish.limits.sample)
    with home.lock(f"deploy-{capture.name}", timeout=LOCK_SECONDS), environments.in_use(home.cache):
        live = live_of(capture.name, home)
        if wish.canary is not None:
            versions.require_champion(home, capture.name)
        if live is not None and identical(capture, live.capture):
            return _unchanged(live, wish, home, journal)
        beside = canary_of(capture.name, home) if wish.canary is not None else None
        if live is not None and beside is not None and identical(capture, beside.capture):
            return _same_canary(beside, live, wish, home, journal)
        return _Deploying(capture, live, wish, home, journal, begun or Begun()).run()


class _Deploying:
    def __init__(
        self,
        capture: Capture,
        live: Live | None,
        wish: Wish,
        home: Home,
        journal: Journal,
        begun: Begun,
    ) -> None:
        self.capture = capture
        self.live = live
        self.twin: Twin | None = None
        self.version: RegisteredVersion | None = None
        self.wish = wish
        self.home = home
        self.journal = journal
        self.begun = begun
        self.name = capture.name
        self.target = LocalTarget(home)
        self.socket: Path | None = None

    def run(self) -> Deployment:
        try:
            ground, verification = self._verify()
            self.version = self._register(verification)
            self._package(ground.bento)
            return self._deploy(ground, verification, self.version)
        except BaseException as error:
            self._discard()
            if isinstance(error, Refused):
                refused(self.capture, self.home)
            if isinstance(error, Nb2prodError) and not error.kept:
                error.keeping(self._kept())
            if isinstance(error, KeyboardInterrupt):
                error.add_note(self._kept())
            raise

    def _discard(self) -> None:
        """Take away what was started, and the folder of a deployment that came to nothing."""
        self.target.discard(self.name)
        self.target.settle()
        if self.target.store.find(self.name) is None:
            shutil.rmtree(self.home.deployment(self.name), ignore_errors=True)

    def _verify(self) -> tuple[proof.Ground, Verification]:
        with self.journal.step("Verify", "building a clean environment and replaying the golden rows in it") as line:
            ground, verification = self._proven()
            allowed = verification.status == "unverified" and self.wish.allow_unverified
            if verification.status != "verified" and not allowed:
                raise proof.error_of(verification).keeping(self._kept())
            line.found(verified(verification))
            return ground, verification

    def _proven(self) -> tuple[proof.Ground, Verification]:
        """The proof, once the registry has said whether this very model is there already.

        Where the name never ran here the proof does not wait for that; should the registry know the model all the same, its
        own capture is proven instead.
        """
        with ThreadPoolExecutor(2) as pool:
            pool.submit(self.target.warm)  # what is wrong with it the worker's start tells
            if self.target.store.find(self.name):
                search = pool.submit(find_twin, self.capture, home=self.home)
                ground = proof.prepare(self.capture, self.home, self.begun)
                try:
                    self.twin = search.result()
                except BaseException:
                    ground.close()
                    raise
                if self.twin is not None:
                    ground = self._instead(ground)
                return ground, self._prove(ground)
            ground = proof.prepare(self.capture, self.home, self.begun)
            search = pool.submit(self._search, ground)
            verification = self._prove(ground)
            self.twin = search.result()
        if self.twin is not None and verification.status == "verified":
            ground = self._instead(ground)
            verification = self._prove(ground)
        return ground, verification

    def _search(self, ground: proof.Ground) -> Twin | None:
        """Ask the registry, but not while the Bento is built: importing MLflow would hold that up, and the worker with it."""
        ground.built()
        return find_twin(self.capture, home=self.home)

    def _instead(self, ground: proof.Ground) -> proof.Ground:
        """The ground for the capture of the version that is there already."""
        assert self.twin is not None
        ground.close()
        self.capture = self.twin.capture
        return proof.prepare(self.capture, self.home)

    def _prove(self, ground: proof.Ground) -> Verification:
        variables = self.wish.variables or {}
        return proof.prove(self.capture, home=self.home, ground=ground, variables=variables, beside=self._start_worker)

    def _start_worker(self, ground: proof.Ground) -> None:
        beside = self.wish.canary is not None
        secrets = write_variables(self.home, self.name, self.wish.variables or {}, beside=beside)
        settings = ServiceSettings(name=self.name, environment=str(secrets) if secrets else None)
        self.socket = self.target.start_worker(self.name, ground.bento, settings, ground.python, self.wish.workers)

    def _register(self, verification: Verification) -> RegisteredVersion:
        with self.journal.step("Register", "recording the model version") as line:
            if self.twin is not None:
                line.skip(f"{self.name} version {self.twin.version.version} is this very model: no new version")
                return self.twin.version
            version = registry.register(self.capture, verification, home=self.home)
            line.found(f"{self.name} version {version.version}")
            return version

    def _package(self, bento: BentoRef) -> None:
        with self.journal.step("Package", "packing the service") as line:
            line.found(size(bento.bytes))

    def _deploy(self, ground: proof.Ground, verification: Verification, version: RegisteredVersion) -> Deployment:
        with self.journal.step("Deploy", "switching the traffic") as line:
            assert self.socket is not None
            with Client(socket=self.socket, timeout=120.0) as client:
                self._replay_once_more(client)
                comparison = compare(self.capture, self.live.capture if self.live else None, client)
            replaced = self._go_live(version, verification.status)
            if self.wish.canary is not None:
                line.found(f"1 worker for {self.wish.canary:g} % of the requests")
            else:
                line.found(f"{self.wish.workers} worker{'s' * (self.wish.workers != 1)}")
        outcome = self._outcome(ground, verification, version, replaced, comparison)
        return Deployment(self.name, home=self.home, outcome=outcome)

    def _go_live(self, version: RegisteredVersion, proof: Status) -> int | None:
        """Give it the traffic, or its share of it; the version that had the traffic."""
        known = {"model_uri": version.model_uri, "proof": proof}
        with to_the_end():
            if self.wish.canary is not None:
                limits.apply(self.home, self.name, self.wish.limits)  # what it is told stands before the first request
                self.target.canary.begin(self.name, version.version, self.wish.canary, **known)
                return None
            switching(self.home, self.name).touch()
            replaced = self.target.switch(self.name, version.version, **known)
            crown(self.home, self.name, version.version)
            limits.apply(self.home, self.name, self.wish.limits)
        return replaced

    def _replay_once_more(self, client: Client) -> None:
        """The very worker that will take traffic answers the golden rows before it does."""
        golden = self.capture.golden or self.capture.live
        if golden is not None and golden.rows:
            proof.require_equal(proof.replay_service(client, golden, worker=True), self.capture)

    def _outcome(
        self,
        ground: proof.Ground,
        verification: Verification,
        version: RegisteredVersion,
        replaced: int | None,
        comparison: Comparison,
    ) -> Outcome:
        return Outcome(
            steps=tuple(self.journal.steps),
            capture=self.capture.record,
            verification=verification,
            name=self.name,
            version=version.version,
            url=self.target.url(self.name),
            bento=ground.bento.folder,
            workers=self.wish.workers,
            bytes=ground.bento.bytes,
            replaced=replaced if replaced != version.version else None,
            canary=self.wish.canary,
            champion=self.live.version if self.wish.canary is not None and self.live is not None else None,
            changed=comparison.changed,
            compared=comparison.compared,
            not_compared=comparison.why,
            metric=comparison.metric,
            metric_now=comparison.now,
            metric_before=comparison.before,
            watching=watching(self.capture),
            notes=notes(self.capture),
        )

    def _kept(self) -> str:
        known = f"version {self.version.version} is registered" if self.version else "nothing was registered"
        now = self.target.store.live(self.name) if self.target.store.find(self.name) else None
        return f"{known}; version {now.version} goes on answering" if now else known


def watching(capture: Capture) -> str:
    """`14 columns, score and confidence against 81,204 training rows. One false alarm in 20 such lives.`"""
    columns = len(capture.record.signature.columns)
    folds = any(finding.code == OUT_OF_FOLD for finding in capture.record.findings)
    scores = f", score and confidence{' (out of fold)' * folds}" if capture.record.scores else ""
    against = f"against {capture.record.baseline_rows:,} training rows. One false alarm in 20 such lives."
    return f"{columns} column{'s' * (columns != 1)}{scores} {against}"


def notes(capture: Capture) -> tuple[Finding, ...]:
    """What the card's `Heads up` shows: only what asks for a decision."""
    return tuple(finding for finding in capture.record.findings if finding.severity == "warn")


def _same_canary(beside: Live, live: Live, wish: Wish, home: Home, journal: Journal) -> Deployment:
    """The very model is the canary already: its share is what was asked for, and nothing is made."""
    target, name = LocalTarget(home), live.run.name
    assert wish.canary is not None
    with journal.step("Deploy", "looking at the canary") as line:
        target.canary.share(name, wish.canary)
        limits.apply(home, name, wish.limits)
        line.skip(f"{name} {beside.version} is the canary already: same model, same environment, same data")
    made = _as_it_is(beside, wish.workers, target, journal)
    return Deployment(name, home=home, outcome=replace(made, canary=wish.canary, champion=live.version))


def _unchanged(live: Live, wish: Wish, home: Home, journal: Journal) -> Deployment:
    """Settings are applied in place; nothing is made."""
    target, name = LocalTarget(home), live.run.name
    with journal.step("Deploy", "looking at what is live") as line:
        wrong = packaging.mend(live.capture, home=home)
        target.start(name)
        if live.run.workers != wish.workers:
            target.scale(name, wish.workers)
        if switching(home, name).exists():  # a deploy was killed between the switch and the registry
            crown(home, name, live.version)
        limits.apply(home, name, wish.limits)
        mended = f"; its Bento was damaged ({wrong}) and was built again" if wrong else ""
        line.skip(f"{name} {live.version} is already live: same model, same environment, same data{mended}")
    return Deployment(name, home=home, outcome=_as_it_is(live, wish.workers, target, journal))


def _as_it_is(found: Live, workers: int, target: LocalTarget, journal: Journal) -> Outcome:
    proven: Status = "verified" if found.run.proof == "verified" else "unverified"
    return Outcome(
        steps=tuple(journal.steps),
        capture=found.capture.record,
        verification=Verification(capture=found.capture.digest, status=proven),
        name=found.run.name,
        version=found.version,
        url=target.url(found.run.name),
        bento=found.run.bento,
        workers=workers,
        bytes=0,
        unchanged=True,
        watching=watching(found.capture),
    )
