"""DEX: the classes of Android code, the interfaces of the system that it calls, and its texts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import lief
from pydantic import BaseModel

from orchestrator.worker import Findings, Sample, Tag, analysis_worker
from workers._indicators import Indicator, find_indicators
from workers._lief import text, texts
from workers._text import Text, clip
from workers._traits import Trait, detections, score

_LIMIT = 60
_CLASS_LIMIT, _CALL_LIMIT, _SCANNED, _TEXT_SIZE = 500, 200, 500_000, 4 << 20

#: Interfaces by class and method (empty: any method), what calling them makes possible, and the weight.
_INTERFACES: tuple[tuple[str, str, str, int], ...] = (
    ("Landroid/telephony/SmsManager;", "send", "sends-text-messages", 25),
    ("Landroid/telephony/gsm/SmsManager;", "send", "sends-text-messages", 25),
    ("Ldalvik/system/DexClassLoader;", "", "loads-code-at-run-time", 20),
    ("Ldalvik/system/InMemoryDexClassLoader;", "", "loads-code-at-run-time", 20),
    ("Ljava/lang/Runtime;", "exec", "runs-commands", 15),
    ("Ljava/lang/ProcessBuilder;", "", "runs-commands", 15),
    ("Landroid/app/admin/DevicePolicyManager;", "lockNow", "locks-device", 25),
    ("Landroid/app/admin/DevicePolicyManager;", "resetPassword", "locks-device", 25),
    ("Landroid/app/admin/DevicePolicyManager;", "wipeData", "wipes-device", 25),
    ("Landroid/accessibilityservice/AccessibilityService;", "", "watches-other-apps", 10),
    ("Landroid/telephony/TelephonyManager;", "getDeviceId", "reads-device-number", 5),
    ("Landroid/telephony/TelephonyManager;", "getSubscriberId", "reads-device-number", 5),
    ("Landroid/location/LocationManager;", "", "reads-location", 0),
    ("Landroid/media/MediaRecorder;", "setAudioSource", "records-sound", 5),
    ("Landroid/webkit/WebView;", "addJavascriptInterface", "lets-pages-call-code", 5),
    ("Ljava/lang/reflect/Method;", "invoke", "calls-by-name", 0),
    ("Ljavax/crypto/Cipher;", "", "encrypts", 0),
)


class Dex(BaseModel):
    """Counts are of the whole file; ``classes`` are its own, ``calls`` the telling ones of the system."""

    version: int
    class_count: int
    method_count: int
    string_count: int
    classes: list[Text]
    calls: list[Text]
    indicators: list[Indicator]
    traits: list[Trait]


@analysis_worker("dex", version="1.0", accepts={"dex"}, result=Dex, preload=("lief",))
def dex(sample: Sample) -> Findings:
    """Classes, calls into the system and texts of Android code.

    The score adds up what the calls make possible, to 60 at most: much of it is what honest apps do too,
    so that only several of them together say something. No telling call is no score.
    """
    file = lief.DEX.parse(str(sample.path))
    if file is None:
        raise ValueError("the header is broken: lief can read no DEX here")
    calls = sorted(set(_calls(file)))
    traits = list(_traits(calls))
    strings = "\n".join(each for each in islice(map(str, _strings(file)), _SCANNED))[:_TEXT_SIZE]
    result = Dex(
        version=file.version,
        class_count=len(file.classes),
        method_count=len(file.methods),
        string_count=len(file.strings),
        classes=clip(filter(None, texts(file.classes, "pretty_name")), _CLASS_LIMIT),
        calls=[f"{owner}->{name}" for owner, name in calls[:_CALL_LIMIT]],
        indicators=find_indicators(strings),
        traits=traits,
    )
    return Findings(
        score=score(traits, _LIMIT),
        result=result,
        detections=detections(traits),
        tags=[Tag("behaviour", trait.name) for trait in traits],
    )


def _strings(file: lief.DEX.File) -> Iterator[str]:
    try:
        yield from file.strings
    except UnicodeDecodeError:  # modified UTF-8 that lief cannot turn into text
        return


def _calls(file: lief.DEX.File) -> Iterator[tuple[str, str]]:
    """The methods of the system's classes that :data:`_INTERFACES` names."""
    telling = {owner for owner, _, _, _ in _INTERFACES}
    for method in islice(file.methods, _SCANNED):
        owner = text(method.cls, "fullname") if method.has_class else ""
        if owner in telling:
            yield owner, text(method, "name")


def _traits(calls: list[tuple[str, str]]) -> Iterator[Trait]:
    found: dict[str, Trait] = {}
    for owner, start, name, weight in _INTERFACES:
        called = [method for cls, method in calls if cls == owner and method.startswith(start)]
        if called and name not in found:
            found[name] = Trait(name=name, weight=weight, detail=f"{owner}->{called[0]}")
    yield from found.values()
