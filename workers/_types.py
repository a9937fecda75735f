"""The vocabulary of classifications: which types there are, their super types, and how names map to them.

A type is one of those below or, for sources, media and fonts, a label of Magika's. Super types:
executable, archive, document, email, script, shortcut, markup, source, text, image, audio, video, font,
data, empty, unknown.
"""

from __future__ import annotations


def _groups(table: dict[str, str]) -> dict[str, str]:
    """``{"group": "a b"}`` turned round: ``{"a": "group", "b": "group"}``."""
    return {member: group for group, members in table.items() for member in members.split()}


SUPER_TYPES = _groups(
    {
        "executable": "pe mz com elf macho dex odex wasm java-class pyc coff swf",
        "archive": """zip jar apk ipa rar 7z tar gzip bzip2 xz zstd lz4 lzip lzma compress cab iso arj ace lha
            ar cpio deb rpm msi dmg xar squashfs crx xpi wim vhd nupkg nsis mscompress""",
        "document": """pdf rtf doc docx xls xlsx xlsb ppt pptx ole ooxml odf odt ods odp epub one hwp
            postscript chm visio""",
        "email": "eml msg mbox",
        "script": """javascript powershell vbscript vba vbe batch shell python perl php ruby lua autohotkey
            autoit hta wsf asp awk tcl applescript""",
        "shortcut": "lnk url",
        "markup": "html xml svg mht",
        "data": "sqlite pcap plist bplist registry pem certificate pickle numpy onnx parquet torrent",
        "text": "txt csv tsv json jsonl yaml toml ini markdown diff",
        "empty": "empty",
        "unknown": "unknown",
    }
)

#: Magika's labels that are called something else here.
MAGIKA_TYPES = _groups(
    {
        "pe": "pebin",
        "java-class": "javabytecode",
        "pyc": "pythonbytecode",
        "bzip2": "bzip",
        "zstd": "zst",
        "7z": "sevenzip",
        "lzip": "lz",
        "compress": "unixcompress",
        "msg": "outlook",
        "url": "internetshortcut",
        "bplist": "applebplist",
        "plist": "appleplist",
        "registry": "winregistry",
        "certificate": "crt",
        "wsf": "scriptwsf",
        "numpy": "npy npz",
        "unknown": "randombytes undefined",
        "txt": "randomtxt randomascii txtascii txtutf8 txtutf16",
    }
)

#: Magika's groups that are called something else here.
MAGIKA_GROUPS = _groups({"source": "code", "data": "application", "unknown": "inode undefined None"})

#: libmagic's MIME types that a signature vouches for.
MIME_TYPES = _groups(
    {
        "macho": "application/x-mach-binary",
        "java-class": "application/x-java-applet",
        "wasm": "application/x-wasm application/wasm",
        "swf": "application/x-shockwave-flash",
        "rar": "application/x-rar",
        "7z": "application/x-7z-compressed",
        "tar": "application/x-tar",
        "gzip": "application/gzip application/x-gzip",
        "bzip2": "application/x-bzip2",
        "xz": "application/x-xz",
        "zstd": "application/zstd",
        "lz4": "application/x-lz4",
        "lzip": "application/x-lzip",
        "lzma": "application/x-lzma",
        "compress": "application/x-compress",
        "cab": "application/vnd.ms-cab-compressed",
        "iso": "application/x-iso9660-image",
        "arj": "application/x-arj",
        "ace": "application/x-ace",
        "lha": "application/x-lzh-compressed application/x-lha",
        "ar": "application/x-archive",
        "cpio": "application/x-cpio",
        "deb": "application/vnd.debian.binary-package",
        "rpm": "application/x-rpm",
        "xar": "application/x-xar",
        "wim": "application/x-ms-wim",
        "crx": "application/x-chrome-extension",
        "chm": "application/vnd.ms-htmlhelp",
        "postscript": "application/postscript",
        "lnk": "application/x-ms-shortcut",
        "url": "application/x-mswinurl",
        "eml": "message/rfc822",
        "mbox": "application/mbox",
        "sqlite": "application/x-sqlite3",
        "pcap": "application/vnd.tcpdump.pcap",
        "empty": "inode/x-empty",
        "png": "image/png",
        "jpeg": "image/jpeg",
        "gif": "image/gif",
        "tiff": "image/tiff",
        "webp": "image/webp",
        "bmp": "image/bmp image/x-ms-bmp",
        "ico": "image/vnd.microsoft.icon",
    }
)

#: libmagic's MIME types of text, believed only where Magika sees nothing but text.
TEXT_MIME_TYPES = _groups(
    {
        "shell": "text/x-shellscript",
        "html": "text/html",
        "xml": "text/xml",
        "svg": "image/svg+xml",
        "perl": "text/x-perl",
        "php": "text/x-php",
        "python": "text/x-python text/x-script.python",
        "ruby": "text/x-ruby",
        "lua": "text/x-lua",
        "tcl": "text/x-tcl",
        "awk": "text/x-awk",
        "batch": "text/x-msdos-batch",
        "javascript": "application/javascript",
    }
)

#: Extensions that decide how a system runs a text, believed only where the content tells nothing.
EXTENSIONS = _groups(
    {
        "batch": "bat cmd",
        "powershell": "ps1 psm1",
        "vbscript": "vbs",
        "vbe": "vbe",
        "javascript": "js jse",
        "hta": "hta",
        "wsf": "wsf",
        "shell": "sh",
        "python": "py",
        "php": "php",
        "perl": "pl",
        "ruby": "rb",
        "lua": "lua",
        "autohotkey": "ahk",
        "autoit": "au3",
        "com": "com",
        "eml": "eml",
        "url": "url",
        "html": "html htm",
        "svg": "svg",
        "xml": "xml",
    }
)

PLATFORMS = _groups(
    {
        "windows": "pe lnk msi powershell batch vbscript vbe hta wsf registry",
        "dos": "mz com",
        "linux": "elf shell deb rpm",
        "macos": "macho dmg applescript",
        "android": "dex odex apk",
        "ios": "ipa",
    }
)

#: Words in libmagic's description of an executable, and the processor they stand for; the first one wins.
ARCHITECTURES = _groups(
    {
        "x86_64": "x86-64 x86_64",
        "x86": "80386 80486 i386",
        "arm64": "aarch64 arm64",
        "arm": "arm",
        "mips": "mips",
        "powerpc": "powerpc ppc",
        "riscv": "risc-v",
        "s390": "s/390",
        "sparc": "sparc",
        "ia64": "itanium ia-64",
        "m68k": "m68k motorola",
        "superh": "renesas",
        "loongarch": "loongarch",
    }
)
