"""What changes together at the switch is not torn by an interruption."""

from __future__ import annotations

import os
import signal
import threading
import time

from nb2prod.sdk import versions


def test_an_interruption_at_the_switch_comes_too_late() -> None:
    before = signal.getsignal(signal.SIGINT)
    with versions.to_the_end():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_no_handler_is_touched() -> None:
    seen = []

    def work() -> None:
        with versions.to_the_end():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
