"""What may be attached to an email: how much, under which names, and no programs."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from models.errors import InvalidInput
from tasks.content.attachments import AttachedFile

FILES_MAX = 10
BYTES_MAX = 20 * 1024 * 1024
"""Of all files of a request together."""
_NAME_BYTES = 200
_NAMELESS = "attachment"

_PATHS = re.compile(r"[/\\]")
# What Windows drops from the end of a name, so that "invoice.exe. " is a program after all; and all other spaces, which
# readers of mail drop: a name of nothing but U+00A0 came out as none.
_ENDS = ".\t\n\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}").fullmatch
# Base64 is not allowed for these (RFC 2046, 5.1 and 5.2), and a reader would take them apart.
_COMPOSITE = ("message/", "multipart/")
_ANY_TYPE = "application/octet-stream"

# What runs when it is opened, on Windows, macOS, Linux or Android; large mail services refuse the same.
_PROGRAMS = frozenset(
    """
    ade adp apk app appimage application appref-ms appx appxbundle bat bin cab chm cmd com command cpl crx deb desktop
    diagcab diagcfg diagpkg dll dmg ex ex_ exe gadget hta img inf ins iso isp jar jnlp js jse ksh lib library-ms lnk mde
    mjs msc msi msix msixbundle msp mst nsh pif pkg ps1 ps1xml ps2 psc1 psm1 reg rpm run scf scr sct search-ms
    settingcontent-ms sh shb so sys url vb vbe vbs vhd vhdx vxd workflow ws wsc wsf wsh xll
    """.split()  # noqa: SIM905
)
_PROGRAM_TYPES = frozenset(
    f"application/{name}"
    for name in """
    hta java-archive vnd.android.package-archive vnd.microsoft.portable-executable x-bat x-dosexec x-elf x-executable
    x-mach-binary x-ms-installer x-msdos-program x-msdownload x-msi x-sh x-sharedlib
    """.split()  # noqa: SIM905
)
_PROGRAM_STARTS = (
    b"MZ",  # DOS, Windows
    b"\x7fELF",
    b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",  # Mach-O
    b"\xca\xfe\xba\xbe", b"\xbe\xba\xfe\xca",  # Mach-O for several processors; Java classes
    b"#!", b"\xef\xbb\xbf#!",  # scripts
    b"L\x00\x00\x00\x01\x14\x02\x00",  # Windows shortcuts
    b"dex\n",
)  # fmt: skip


def checked_attachments(field: str, files: Sequence[AttachedFile], *, besides: int = 0) -> list[AttachedFile]:
    """The files with names and media types as they may stand in a mail; so many others go out with them.

    Raises InvalidInput on `field`, or on `<field>.<number>` for a program.
    """
    if besides + len(files) > FILES_MAX:
        raise InvalidInput({field: [f"The {field} field must not have more than {FILES_MAX} items."]})
    checked = [
        replace(file, file_name=clean_file_name(file.file_name), media_type=_media_type(file.media_type))
        for file in files
    ]
    programs = [number for number, file in enumerate(checked) if is_program(file)]
    if programs:
        raise InvalidInput(
            {f"{field}.{number}": [f"The {field}.{number} must not be an executable file."] for number in programs}
        )
    return checked


def check_total(field: str, files: Sequence[AttachedFile]) -> None:
    """Raise InvalidInput on `field` when the files of a request are too large together."""
    if sum(len(file.content) for file in files) > BYTES_MAX:
        megabytes = BYTES_MAX // (1024 * 1024)
        raise InvalidInput({field: [f"The {field} must not be greater than {megabytes} MB together."]})


def clean_file_name(name: str) -> str:
    """The last part of a path, without characters that are not seen (control characters, marks that turn the
    direction of writing and so hide an extension), at most 200 bytes, its extension kept."""
    last = _PATHS.split(unicodedata.normalize("NFC", name).encode("utf-8", "ignore").decode("utf-8"))[-1]
    seen = "".join(" " if letter in "\t\n\r" else letter for letter in last if _is_seen(letter)).strip(_ENDS)
    stem, dot, extension = seen.rpartition(".")
    if not dot or len(extension.encode()) > 20:
        stem, dot, extension = seen, "", ""
    room = _NAME_BYTES - len(extension.encode()) - 1
    return (stem.encode()[:room].decode("utf-8", "ignore") + dot + extension).strip(_ENDS) or _NAMELESS


def _is_seen(letter: str) -> bool:
    return letter in "\t\n\r" or unicodedata.category(letter) not in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")


def _media_type(written: str) -> str:
    media_type = written.strip().lower()
    return media_type if _MEDIA_TYPE(media_type) and not media_type.startswith(_COMPOSITE) else _ANY_TYPE


def is_program(file: AttachedFile) -> bool:
    """Whether a checked file is executable by its extension, by its media type, or by how it begins."""
    _, dot, extension = file.file_name.rpartition(".")
    extension = extension.partition(":")[0].rstrip(_ENDS)  # NTFS reads "a.exe::$DATA" as a.exe
    return (
        (bool(dot) and extension.lower() in _PROGRAMS)
        or file.media_type in _PROGRAM_TYPES
        or file.content.startswith(_PROGRAM_STARTS)
    )
