"""Dispatch over SMPP: a campaign of SMS, beside a bare loop of the npm package `smpp` with the same window to the same
SMSC. Where npm is not there, or has no registry, there is no such figure."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.children import in_children
from benchmarks.dispatch import send_run_here
from benchmarks.http_providers import planned_sms_run
from benchmarks.measure import Bench, Figure, in_turns
from benchmarks.people import organization_with
from deployments.smpp_sink import ACCOUNT
from models.session import Database, Role
from models.store.runs import campaign_totals
from models.store.sender_ids import add_verified_sender_id

_MESSAGES = 20_000
_WINDOW = 50
_SENDER = "EXOSMS"
_PACKAGE = "smpp@0.5.1"
_NODE_SECONDS = 600
_CLIENT = """
const smpp = require('smpp');
const { port, count, window, sender } = JSON.parse(process.argv[2]);
const session = smpp.connect({ url: `smpp://127.0.0.1:${port}` });
let sent = 0, answered = 0, began;
const fill = () => {
  while (sent < count && sent - answered < window) {
    const text = `Hi N${sent}, Company ${sent} has news for you today.`;
    session.submit_sm({
      source_addr_ton: 5, source_addr: sender, dest_addr_ton: 1, dest_addr_npi: 1,
      destination_addr: `3712${String(sent).padStart(7, '0')}`, registered_delivery: 1, short_message: text,
    }, (pdu) => {
      if (pdu.command_status !== 0) process.exit(1);
      answered++;
      if (answered === count) { console.log((Date.now() - began) / 1000); process.exit(0); }
      fill();
    });
    sent++;
  }
};
session.on('connect', () => session.bind_transmitter({ system_id: 'exosend', password: 'secret' }, (pdu) => {
  if (pdu.command_status !== 0) process.exit(1);
  began = Date.now();
  fill();
}));
"""


def measure_smpp(bench: Bench) -> list[Figure]:
    """One figure, or none."""
    client = _installed(bench.folder)
    if client is None:
        return []
    count = bench.amount(_MESSAGES)
    database = Database(bench.settings, Role.ENGINE)
    try:
        organization_id, list_id = organization_with(database, count * 10 // 7, suppressed=False)  # seven have a phone
        with database.transaction(None) as session:
            add_verified_sender_id(session, organization_id, _SENDER)
        with _smsc(bench.folder) as port:
            settings = bench.settings.with_values(sms_url=f"smpp://{ACCOUNT}@127.0.0.1:{port}?window={_WINDOW}")

            def product() -> float:
                run = planned_sms_run(database, settings, organization_id, list_id)
                bench.settle()
                [(began, ended)] = in_children(1, send_run_here, settings, run.id)
                with database.transaction(None) as session:
                    totals = campaign_totals(session, run.organization_id, [run.id])[run.id]
                assert totals.sent == totals.recipients > 0, totals
                sent.append(totals.sent)
                return ended - began

            sent: list[int] = []
            seconds, limits = in_turns(bench.rounds, product, lambda: _bare(client, port, sent[-1]))
    finally:
        database.close()
    return [
        Figure(
            name=f"SMPP, a window of {_WINDOW}",
            limit_name="npm smpp, no journal",
            amount=sent[-1],
            unit="messages",
            product_seconds=seconds,
            limit_seconds=limits,
            compare="speed",
        )
    ]


def _bare(client: Path, port: int, count: int) -> float:
    asked = json.dumps({"port": port, "count": count, "window": _WINDOW, "sender": _SENDER})
    command = ["node", client.name, asked]
    done = subprocess.run(
        command, cwd=client.parent, stdout=subprocess.PIPE, text=True, timeout=_NODE_SECONDS, check=True
    )
    return float(done.stdout)


def _installed(folder: Path) -> Path | None:
    if shutil.which("npm") is None or shutil.which("node") is None:
        return None
    home = folder / "node"
    home.mkdir()
    options = ["--silent", "--no-audit", "--no-fund", "--no-save"]
    done = subprocess.run(
        ["npm", "install", *options, _PACKAGE], cwd=home, capture_output=True, timeout=120, check=False
    )
    if done.returncode:
        return None
    client = home / "client.js"
    client.write_text(_CLIENT)
    return client


@contextlib.contextmanager
def _smsc(folder: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "deployments.smpp_sink", "--port", "0", "--log", str(folder / "smpp.jsonl")]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield int(server.stdout.readline().rsplit(":", 1)[1])
    finally:
        server.terminate()
        server.wait(timeout=10)
        server.stdout.close()
