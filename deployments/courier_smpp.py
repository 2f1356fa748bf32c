"""The courier's thread that receives over SMPP: a bound connection for each account at an SMSC, whether or not anything
is being sent, since receipts come hours later."""

import asyncio
import logging
import threading
from functools import partial

import uvloop

from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from tasks.providers.smpp_receiver import SmppReceiver
from tasks.reports.smpp_receivers import ReceivingAccount, keep_events, receiving_accounts

log = logging.getLogger("courier")

_LOOK_SECONDS = 10.0  # for accounts that were added, changed or switched off
_STOP_SECONDS = 10.0


class SmppThread:
    """Receives for all accounts there are. Use `start`, `stop`."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="smpp")
        self._running: dict[ReceivingAccount, tuple[SmppReceiver, asyncio.Task[None]]] = {}
        self._woken: asyncio.Event | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Unbind soon. From any thread."""
        self._stopped.set()
        loop, woken = self._loop, self._woken
        if loop is not None and woken is not None and not loop.is_closed():
            loop.call_soon_threadsafe(woken.set)

    def stop(self) -> None:
        """End, when what has come is kept."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join(timeout=_STOP_SECONDS)

    def _work(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._receive())

    async def _receive(self) -> None:
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        while not self._stopped.is_set():
            try:
                await self._follow(await asyncio.to_thread(receiving_accounts, self._database, self._settings))
            except DATABASE_AWAY as error:
                log.warning("Postgres is away: %s", str(error).splitlines()[0])
            except Exception:
                log.exception("The accounts at SMSCs could not be read; it is tried again.")
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                pass
        await self._follow(set())

    async def _follow(self, accounts: set[ReceivingAccount]) -> None:
        """Receive for these accounts and for no others."""
        gone = [self._running.pop(account) for account in [*self._running] if account not in accounts]
        for receiver, _ in gone:
            receiver.stop()
        if gone:
            await asyncio.wait([task for _, task in gone], timeout=_STOP_SECONDS / 2)
        for account, (_, task) in [*self._running.items()]:
            if task.done():  # it failed in a way that nobody foresaw
                log.error("The receiver of %s ended: %r", account.provider, task.exception())
                del self._running[account]
        for account in accounts - self._running.keys():
            receiver = SmppReceiver(account.address, partial(keep_events, self._database, account))
            self._running[account] = (receiver, asyncio.create_task(receiver.run()))
