"""A DNS server on loopback for tests: UDP and TCP on one port, with answers and faults as it is told."""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

NXDOMAIN = dns.rcode.NXDOMAIN
SERVFAIL = dns.rcode.SERVFAIL
SILENT = "silent"


class DnsServer:
    """Answers TXT questions, and those for addresses. A name that it was told nothing of does not exist."""

    def __init__(self) -> None:
        self._udp, self._tcp = _sockets()
        self.port: int = self._udp.getsockname()[1]
        self._records: dict[str, list[str]] = {}
        self._addresses: dict[str, list[tuple[str, ...]]] = {}
        self._faults: dict[str, object] = {}
        self.asked: list[tuple[str, str]] = []
        """(udp or tcp, name) of every question."""
        self._asked_for: list[tuple[str, dns.rdatatype.RdataType]] = []

    @property
    def address(self) -> str:
        """As EXOSEND_DNS_RESOLVER takes it."""
        return f"127.0.0.1:{self.port}"

    def holds(self, name: str, *records: str) -> None:
        """There are these TXT records at the name. Each as in a zone file: quoted strings, or one text unquoted."""
        self._records[name.lower()] = [each if each.startswith('"') else _quoted(each) for each in records]
        self._faults.pop(name.lower(), None)

    def leads_to(self, name: str, *answers: Iterable[str]) -> None:
        """The name has these addresses: for each question of a kind another answer, the last one for ever."""
        self._addresses[name.lower()] = [tuple(each) for each in answers]
        self._records.setdefault(name.lower(), [])

    def fails(self, name: str, how: object) -> None:
        """Questions for the name are answered with this error code, or not at all (SILENT)."""
        self._faults[name.lower()] = how

    @contextmanager
    def running(self) -> Iterator["DnsServer"]:
        """Serve until the block ends."""
        threads = [threading.Thread(target=serve) for serve in (self._serve_udp, self._serve_tcp)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            for end in (self._udp, self._tcp):
                end.shutdown(socket.SHUT_RDWR) if end is self._tcp else end.sendto(b"", end.getsockname())
            for thread in threads:
                thread.join()
            self._udp.close()
            self._tcp.close()

    def _serve_udp(self) -> None:
        while True:
            question, client = self._udp.recvfrom(4096)
            if not question:
                return
            if (answer := self._answer(question, "udp")) is not None:
                self._udp.sendto(answer, client)

    def _serve_tcp(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:  # shut down
                return
            with connection, connection.makefile("rb") as stream:
                question = stream.read(int.from_bytes(stream.read(2)))
                if (answer := self._answer(question, "tcp")) is not None:
                    connection.sendall(len(answer).to_bytes(2) + answer)

    def _answer(self, question: bytes, way: str) -> bytes | None:
        request = dns.message.from_wire(question)
        owner = request.question[0].name
        name = owner.to_text(omit_final_dot=True).lower()
        self.asked.append((way, name))
        fault = self._faults.get(name)
        if fault == SILENT:
            return None
        response = dns.message.make_response(request, recursion_available=True)
        if fault is not None or not self._is_there(name):
            response.set_rcode(fault if isinstance(fault, dns.rcode.Rcode) else NXDOMAIN)
        elif request.question[0].rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            self._answer_addresses(response, owner, request.question[0].rdtype)
        elif records := self._records.get(name):
            response.answer.append(dns.rrset.from_text_list(owner, 60, "IN", "TXT", records))
        if way == "udp" and len(response.to_wire(max_size=65535)) > (request.payload or 512):
            response.answer.clear()
            response.flags |= dns.flags.TC
        return response.to_wire(max_size=65535)

    def _answer_addresses(
        self, response: dns.message.Message, owner: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> None:
        name = owner.to_text(omit_final_dot=True).lower()
        answers = self._addresses.get(name, [()])
        times = sum(1 for asked in self._asked_for if asked == (name, kind))
        self._asked_for.append((name, kind))
        wanted = [
            each for each in answers[min(times, len(answers) - 1)] if (":" in each) == (kind == dns.rdatatype.AAAA)
        ]
        if wanted:
            response.answer.append(dns.rrset.from_text_list(owner, 0, "IN", kind, wanted))

    def _is_there(self, name: str) -> bool:
        """A name with records, or above one (an empty non-terminal, RFC 8020)."""
        return any(known == name or known.endswith(f".{name}") for known in self._records)


def _quoted(text: str) -> str:
    """A text in strings of at most 255 octets, as every zone must hold it."""
    return " ".join(f'"{part}"' for part in _parts(text))


def _parts(text: str) -> Iterable[str]:
    return [text[start : start + 255] for start in range(0, len(text), 255)] or [""]


def _sockets() -> tuple[socket.socket, socket.socket]:
    """UDP and TCP on one port. A port that is free for one may be another program's for the other."""
    for _ in range(20):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        udp.bind(("127.0.0.1", 0))
        try:
            tcp.bind(udp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
            continue
        tcp.listen()
        return udp, tcp
    raise AssertionError("no port was free for UDP and TCP")
