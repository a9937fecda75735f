// Windows programs: packers, and combinations of words that programs with nothing to hide seldom have.

private rule is_pe
{
    condition:
        uint16(0) == 0x5A4D and uint32(uint32(0x3C)) == 0x00004550
}

rule Packer_UPX
{
    meta:
        description = "Packed with UPX"
        score = 20
        behaviour = "packed"
    strings:
        $name0 = "UPX0"
        $name1 = "UPX1"
        $magic = "UPX!"
    condition:
        (is_pe or uint32(0) == 0x464C457F) and $magic and ($name0 in (0..1024) and $name1 in (0..1024) or uint32(0) == 0x464C457F)
}

rule Packer_Section_Names
{
    meta:
        description = "Section names of a protector that hides what a program does"
        score = 40
        behaviour = "packed"
    strings:
        $themida = ".themida" fullword
        $vmp0 = ".vmp0" fullword
        $vmp1 = ".vmp1" fullword
        $enigma = ".enigma1" fullword
        $mpress = ".MPRESS1" fullword
        $aspack = ".aspack" fullword
        $petite = ".petite" fullword
        $winlicense = ".winlice" fullword
    condition:
        is_pe and any of them in (0..2048)
}

rule Process_Injection
{
    meta:
        description = "The calls that write code into another process and start it there"
        score = 45
        behaviour = "process-injection"
        reference = "https://attack.mitre.org/techniques/T1055/"
    strings:
        $write = "WriteProcessMemory" fullword
        $alloc = "VirtualAllocEx" fullword
        $thread1 = "CreateRemoteThread" fullword
        $thread2 = "NtCreateThreadEx" fullword
        $thread3 = "QueueUserAPC" fullword
        $thread4 = "SetThreadContext" fullword
        $unmap = "NtUnmapViewOfSection" fullword
    condition:
        is_pe and filesize < 20MB and $write and ($alloc or $unmap) and any of ($thread*)
}

rule Shadow_Copy_Deletion
{
    meta:
        description = "Commands that delete backups before encryption"
        score = 80
        behaviour = "inhibits-recovery"
        reference = "https://attack.mitre.org/techniques/T1490/"
    strings:
        $vss = /vssadmin(\.exe)? +delete +shadows/ nocase ascii wide
        $wmic = /wmic(\.exe)? +shadowcopy +delete/ nocase ascii wide
        $boot = /bcdedit(\.exe)? +\/set +(\{default\} +)?recoveryenabled +no/ nocase ascii wide
        $catalog = /wbadmin(\.exe)? +delete +(catalog|systemstatebackup)/ nocase ascii wide
    condition:
        is_pe and any of them
}

rule Credential_Dumping
{
    meta:
        description = "Words of tools that read passwords out of memory"
        score = 85
        behaviour = "credential-access"
        reference = "https://attack.mitre.org/techniques/T1003/"
    strings:
        $s1 = "sekurlsa::" nocase ascii wide
        $s2 = "lsadump::" nocase ascii wide
        $s3 = "kerberos::golden" nocase ascii wide
        $s4 = "gentilkiwi" nocase ascii wide
        $s5 = "privilege::debug" nocase ascii wide
    condition:
        2 of them
}

rule Reflective_Loader
{
    meta:
        description = "A library that maps itself into memory without the system's loader"
        score = 75
        behaviour = "reflective-loading"
        reference = "https://attack.mitre.org/techniques/T1620/"
    strings:
        $export1 = "ReflectiveLoader" fullword
        $export2 = "_ReflectiveLoader@4" fullword
    condition:
        is_pe and any of them
}

rule Sandbox_Evasion
{
    meta:
        description = "Names of several virtual machines and analysis tools, looked for to avoid them"
        score = 50
        behaviour = "sandbox-evasion"
    strings:
        $a1 = "VBoxService.exe" nocase ascii wide
        $a2 = "vmtoolsd.exe" nocase ascii wide
        $a3 = "SbieDll.dll" nocase ascii wide
        $a4 = "wireshark.exe" nocase ascii wide
        $a5 = "procmon.exe" nocase ascii wide
        $a6 = "ollydbg.exe" nocase ascii wide
        $a7 = "x64dbg.exe" nocase ascii wide
        $a8 = "dumpcap.exe" nocase ascii wide
    condition:
        is_pe and 4 of them
}

rule Embedded_Executable_Base64
{
    meta:
        description = "A Windows program hidden as Base64"
        score = 65
        behaviour = "hidden-payload"
    strings:
        $stub = "This program cannot be run in DOS mode" base64 base64wide
    condition:
        $stub and not is_pe
}
