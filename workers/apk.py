"""APK: what an Android package asks for, what it starts, and who signed it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from loguru import logger

with warnings.catch_warnings(action="ignore"):  # androguard's own, at import
    from androguard.core.apk import APK
from pydantic import BaseModel

from orchestrator.worker import Fact, Findings, Limits, Sample, Tag, analysis_worker
from workers._text import Text, clean, clip
from workers._traits import Trait, detections, score

_LIMIT = 60
_LIST_LIMIT = 300
_PERMISSION = "android.permission."

#: Permissions that spyware and fraud need, and what each adds to the score.
_PERMISSIONS = {
    "SEND_SMS": 15,
    "RECEIVE_SMS": 10,
    "READ_SMS": 10,
    "BIND_ACCESSIBILITY_SERVICE": 15,
    "BIND_DEVICE_ADMIN": 15,
    "SYSTEM_ALERT_WINDOW": 10,
    "REQUEST_INSTALL_PACKAGES": 10,
    "BIND_NOTIFICATION_LISTENER_SERVICE": 10,
    "PROCESS_OUTGOING_CALLS": 10,
    "RECORD_AUDIO": 5,
    "READ_CALL_LOG": 5,
    "READ_CONTACTS": 5,
    "RECEIVE_BOOT_COMPLETED": 5,
    "ACCESS_BACKGROUND_LOCATION": 5,
    "QUERY_ALL_PACKAGES": 5,
}

logger.disable("androguard")


class Certificate(BaseModel):
    """``sha256`` of the certificate, by which apps of one maker are recognised."""

    subject: Text
    issuer: Text
    sha256: str
    valid_from: Text
    valid_to: Text


class Apk(BaseModel):
    """``exported`` components can be started by any other app."""

    package: Text
    name: Text
    version: Text
    minimum_sdk: Text
    target_sdk: Text
    main_activity: Text
    permissions: list[Text]
    activities: list[Text]
    services: list[Text]
    receivers: list[Text]
    providers: list[Text]
    libraries: list[Text]
    native_code: list[Text]
    code_files: list[Text]
    signed: bool
    certificates: list[Certificate]
    traits: list[Trait]


@analysis_worker(
    "apk",
    version="1.0",
    accepts={"apk"},
    result=Apk,
    limits=Limits(seconds=120, cpu_seconds=110),
    preload=("androguard.core.apk",),
)
def apk(sample: Sample) -> Findings:
    """Manifest, permissions, components, native code and signature of an Android package.

    The score adds up permissions that spyware needs, a missing or a debug signature, to 60 at most: honest
    apps ask for some of them too, so one alone hardly says anything. The code itself is judged as a child
    of the archive.
    """
    with warnings.catch_warnings(action="ignore"):
        try:
            package = APK(str(sample.path))
            result = _result(package)
        except Exception as error:
            reason = clean(str(error).replace(str(sample.path), "sample"), 200)
            raise ValueError(f"the package is broken: {type(error).__name__}: {reason}") from error
    result.traits = list(_traits(result))
    return Findings(
        score=score(result.traits, _LIMIT),
        result=result,
        detections=detections(result.traits),
        tags=[Tag("behaviour", trait.name) for trait in result.traits if trait.name.startswith("asks-")],
        facts=[Fact("apkPackage", result.package)] if result.package else [],
    )


def _result(package: Any) -> Apk:
    if not package.is_valid_APK():
        raise ValueError("no manifest that Android would accept")
    files = [clean(name) for name in package.get_files()]
    return Apk(
        package=package.get_package() or "",
        name=_app_name(package),
        version=package.get_androidversion_name() or "",
        minimum_sdk=package.get_min_sdk_version() or "",
        target_sdk=package.get_target_sdk_version() or "",
        main_activity=package.get_main_activity() or "",
        permissions=clip(sorted(set(package.get_permissions())), _LIST_LIMIT),
        activities=clip(package.get_activities(), _LIST_LIMIT),
        services=clip(package.get_services(), _LIST_LIMIT),
        receivers=clip(package.get_receivers(), _LIST_LIMIT),
        providers=clip(package.get_providers(), _LIST_LIMIT),
        libraries=clip(package.get_libraries(), _LIST_LIMIT),
        native_code=clip((name for name in files if name.endswith(".so")), _LIST_LIMIT),
        code_files=clip((name for name in files if name.endswith(".dex")), _LIST_LIMIT),
        signed=package.is_signed(),
        certificates=[_certificate(each) for each in clip(package.get_certificates(), 10)],
        traits=[],
    )


def _app_name(package: Any) -> str:
    try:
        return str(package.get_app_name() or "")
    except Exception:  # noqa: BLE001 - the name lies in the resource table, which may be broken by itself
        return ""


def _certificate(certificate: Any) -> Certificate:
    return Certificate(
        subject=certificate.subject.human_friendly,
        issuer=certificate.issuer.human_friendly,
        sha256=certificate.sha256.hex(),
        valid_from=certificate.not_valid_before.isoformat(),
        valid_to=certificate.not_valid_after.isoformat(),
    )


def _traits(result: Apk) -> Iterator[Trait]:
    asked = {name.removeprefix(_PERMISSION) for name in result.permissions}
    for permission, weight in _PERMISSIONS.items():
        if permission in asked:
            yield Trait(name=f"asks-{permission.lower().replace('_', '-')}", weight=weight, detail=permission)
    if not result.signed:
        yield Trait(name="not-signed", weight=10, detail="Android would not install it")
    if any("Android Debug" in each.subject for each in result.certificates):
        yield Trait(name="debug-signature", weight=5, detail="signed with a key that everybody has")
