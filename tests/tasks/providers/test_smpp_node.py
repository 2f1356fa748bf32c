"""SMPP against a server that is not ours: the npm package `smpp`, installed into the test's own folder.

Its counterpart that always runs is test_smpp_outcomes.py, against the SMSC of deployments/smpp_sink.py.
"""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.providers.base import OutcomeKind
from tasks.providers.smpp_receiver import Event, SmppReceiver
from tasks.providers.smpp_url import parse_smpp_url
from tests.support.http_api import texts
from tests.support.smpp import provider_for, smpp_url

_PACKAGE = "smpp@0.5.1"
_SERVER = """
const smpp = require('smpp');
const receivers = [];
let ids = 0;
const receipt = (id, pdu) => ({
  source_addr_ton: 1, source_addr_npi: 1, source_addr: pdu.destination_addr, destination_addr: pdu.source_addr,
  esm_class: 4, receipted_message_id: id, message_state: 2,
  short_message: `id:${id} sub:001 dlvrd:001 submit date:2611301200 done date:2611301201 stat:DELIVRD err:000 text:`,
});
const server = smpp.createServer((session) => {
  const bind = (pdu) => {
    if (pdu.password !== 'secret') {
      session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
      return session.close();
    }
    session.send(pdu.response());
    if (pdu.command !== 'bind_transmitter') receivers.push(session);
  };
  for (const each of ['bind_transmitter', 'bind_receiver', 'bind_transceiver']) session.on(each, bind);
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('error', () => {});
  session.on('submit_sm', (pdu) => {
    const id = `node-${++ids}`;
    session.send(pdu.response({ message_id: id }));
    const message = pdu.short_message;
    const udh = message.udh ? [...message.udh[0]] : [];
    console.log(JSON.stringify({ to: pdu.destination_addr, from: pdu.source_addr, text: message.message, udh }));
    if (pdu.registered_delivery === 1) receivers.forEach((each) => each.deliver_sm(receipt(id, pdu)));
  });
});
server.on('error', () => {});
server.listen(0, '127.0.0.1', function () { console.log(`listening on ${server.address().port}`); });
"""

pytestmark = [pytest.mark.needs("node"), pytest.mark.needs("npm")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smpp")
    options = ["--silent", "--no-audit", "--no-fund", "--no-save"]
    command = ["npm", "install", *options, _PACKAGE]
    installed = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    if installed.returncode:
        pytest.skip("npm cannot install packages here")  # no registry
    (folder / "server.js").write_text(_SERVER)
    return folder


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[int, Path]]:
    """The port, and what it got, a JSON line for each submit_sm."""
    log = folder / "log.jsonl"
    with log.open("wb") as out:
        process = subprocess.Popen(["node", "server.js"], cwd=folder, stdout=subprocess.PIPE)
        assert process.stdout is not None
        port = int(process.stdout.readline().rsplit(b" ", 1)[1])
        try:
            yield port, log
        finally:
            process.terminate()
            out.write(process.stdout.read())
            process.wait(timeout=10)
            process.stdout.close()


def test_messages_long_ones_and_receipts(folder, run_in):
    kept: list[Event] = []
    long, wide = "Labdien €[] " * 30, "Sveiki 👋 ā" * 20
    messages = [*texts(100, "Hi @£€"), *texts(["+37129000001"], long), *texts(["+37129000002"], wide)]

    async def main(port: int):
        address = parse_smpp_url("the test's URL", smpp_url(port))
        receiver = SmppReceiver(address, kept.extend)
        task = asyncio.create_task(receiver.run())
        async with asyncio.timeout(30):
            while not receiver.is_bound:
                await asyncio.sleep(0.01)
            provider = provider_for(port)
            outcomes = await provider.send(messages)
            refused = await provider_for(port, account="exosend:wrong").send(texts(1))
            await provider.close()
            while len(kept) < len(messages):
                await asyncio.sleep(0.01)
            receiver.stop()
            await task
        return outcomes, refused

    with server(folder) as (port, log):
        outcomes, refused = run_in(main(port))
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert [(outcome.kind, outcome.code) for outcome in refused] == [(OutcomeKind.UNSENT, "account")]
    assert {outcome.provider_ref for outcome in outcomes} == {each.provider_ref for each in kept}
    parts = [json.loads(line) for line in log.read_text().splitlines()]
    got: dict[str, str] = {}
    for part in sorted(parts, key=lambda part: part["udh"]):
        got[f"+{part['to']}"] = got.get(f"+{part['to']}", "") + part["text"]
    assert got == {message.recipient: message.content.decode() for message in messages}
    assert {part["from"] for part in parts} == {"EXOSMS"}
