// Packers and protectors: what a program was wrapped in after it had been built.
// meta: kind, name, and the weight that it adds to the score. A pattern named $version… holds the version.

import "pe"
import "elf"
import "dotnet"

private rule is_pe
{
    condition:
        uint16(0) == 0x5A4D and uint32(uint32(0x3C)) == 0x00004550
}

private rule is_elf
{
    condition:
        uint32(0) == 0x464C457F
}

rule UPX_PE
{
    meta:
        kind = "packer"
        name = "UPX"
        weight = 10
    strings:
        $version = /[1-9]\.\d\d\x00UPX!/
        $magic = "UPX!"
    condition:
        is_pe and (for any s in pe.sections : (s.name == "UPX0" or s.name == "UPX1") or
        $magic in (0..4096) or $version in (0..4096))
}

rule UPX_ELF
{
    meta:
        kind = "packer"
        name = "UPX"
        weight = 20
    strings:
        $version = /\$Id: UPX \d\.\d\d/
        $magic = "UPX!"
    condition:
        (is_elf or uint32(0) == 0xFEEDFACF or uint32(0) == 0xBEBAFECA) and
        ($magic in (0..512) or $magic in (filesize - 64..filesize) and $version)
}

rule ASPack
{
    meta:
        kind = "packer"
        name = "ASPack"
        weight = 20
    condition:
        is_pe and for any s in pe.sections : (s.name == ".aspack" or s.name == ".ASPack" or s.name == "ASPack")
}

rule ASProtect
{
    meta:
        kind = "protector"
        name = "ASProtect"
        weight = 30
    strings:
        $entry = { 60 E8 03 00 00 00 E9 EB 04 5D 45 55 C3 }
    condition:
        is_pe and $entry at pe.entry_point and
        not for any s in pe.sections : (s.name == ".aspack")
}

rule MPRESS
{
    meta:
        kind = "packer"
        name = "MPRESS"
        weight = 20
    condition:
        is_pe and for any s in pe.sections : (s.name == ".MPRESS1" or s.name == ".MPRESS2")
}

rule Petite
{
    meta:
        kind = "packer"
        name = "Petite"
        weight = 20
    strings:
        $entry = { B8 ?? ?? ?? ?? [0-6] 68 ?? ?? ?? ?? 64 FF 35 00 00 00 00 64 89 25 00 00 00 00 66 9C 60 50 }
    condition:
        is_pe and (for any s in pe.sections : (s.name == ".petite" or s.name == "petite") or
        $entry in (pe.entry_point..pe.entry_point + 8))
}

rule FSG
{
    meta:
        kind = "packer"
        name = "FSG"
        weight = 25
    strings:
        $name = "FSG!"
        $entry1 = { 87 25 ?? ?? ?? ?? 61 94 55 A4 B6 80 FF 13 }
        $entry2 = { BE ?? ?? ?? ?? AD 93 AD 97 AD 56 96 B2 80 A4 B6 80 FF 13 73 }
        $entry3 = { BB D0 01 ?? ?? BF ?? ?? ?? ?? BE ?? ?? ?? ?? 53 }
    condition:
        is_pe and ($name in (0..512) or any of ($entry*) at pe.entry_point)
}

rule MEW
{
    meta:
        kind = "packer"
        name = "MEW"
        weight = 25
    condition:
        is_pe and for any s in pe.sections : (s.name startswith "MEW")
}

rule Upack
{
    meta:
        kind = "packer"
        name = "Upack"
        weight = 25
    condition:
        is_pe and for any s in pe.sections : (s.name == ".Upack" or s.name == ".ByDwing" or s.name startswith "PS\xff\xd5")
}

rule PESpin
{
    meta:
        kind = "protector"
        name = "PESpin"
        weight = 25
    strings:
        $entry = { EB 01 68 60 E8 00 00 00 00 8B 1C 24 83 C3 }
    condition:
        is_pe and (for any s in pe.sections : (s.name == ".taz") or $entry at pe.entry_point)
}

rule Yodas_Crypter
{
    meta:
        kind = "protector"
        name = "Yoda's Crypter"
        weight = 25
    strings:
        $entry = { 60 E8 00 00 00 00 5D 81 ED ?? ?? ?? 00 B9 ?? ?? 00 00 8D BD ?? ?? ?? 00 8B F7 AC }
        $entry2 = { 55 8B EC 53 56 57 60 E8 00 00 00 00 5D 81 ED ?? ?? ?? 00 B9 ?? ?? 00 00 81 E9 }
    condition:
        is_pe and (for any s in pe.sections : (s.name == "yC" or s.name == ".yP" or s.name == "yP") or
        any of them at pe.entry_point)
}

rule WWPack32
{
    meta:
        kind = "packer"
        name = "WWPack32"
        weight = 20
    condition:
        is_pe and for any s in pe.sections : (s.name == ".WWP32" or s.name == ".WWPACK")
}

rule PECompact
{
    meta:
        kind = "packer"
        name = "PECompact"
        weight = 20
    strings:
        $entry = { B8 ?? ?? ?? ?? 50 64 FF 35 00 00 00 00 64 89 25 00 00 00 00 33 C0 89 08 50 45 43 }
        $header = "PECompact2"
    condition:
        is_pe and ($header in (0..4096) or $entry at pe.entry_point or
        for any s in pe.sections : (s.name == "pec1" or s.name == "pec2" or s.name == "PEC2" or s.name == "PEC2TO"))
}

rule NsPack
{
    meta:
        kind = "packer"
        name = "NsPack"
        weight = 20
    condition:
        is_pe and for any s in pe.sections : (s.name == ".nsp0" or s.name == ".nsp1" or s.name == "nsp0" or s.name == "nsp1")
}

rule RLPack
{
    meta:
        kind = "packer"
        name = "RLPack"
        weight = 20
    condition:
        is_pe and for any s in pe.sections : (s.name == ".RLPack" or s.name == ".packed")
}

rule Kkrunchy
{
    meta:
        kind = "packer"
        name = "kkrunchy"
        weight = 20
    strings:
        $name = "kkrunchy"
    condition:
        is_pe and $name in (0..1024)
}

rule TElock
{
    meta:
        kind = "protector"
        name = "tElock"
        weight = 25
    strings:
        $entry = { E9 ?? ?? FF FF 00 00 00 ?? ?? ?? ?? ?? ?? ?? 00 }
    condition:
        is_pe and $entry at pe.entry_point and pe.import_details.len() <= 2
}

rule Themida
{
    meta:
        kind = "protector"
        name = "Themida or WinLicense"
        weight = 30
    condition:
        is_pe and for any s in pe.sections : (s.name == ".themida" or s.name == ".winlice" or s.name == "Themida" or s.name == "WinLicen")
}

rule VMProtect
{
    meta:
        kind = "protector"
        name = "VMProtect"
        weight = 30
    condition:
        (is_pe and for any s in pe.sections : (s.name matches /^\.?vmp[0-3]$/)) or
        (is_elf and for any s in elf.sections : (s.name matches /^\.?vmp[0-3]$/))
}

rule Enigma
{
    meta:
        kind = "protector"
        name = "Enigma Protector"
        weight = 30
    condition:
        is_pe and for any s in pe.sections : (s.name == ".enigma1" or s.name == ".enigma2")
}

rule Obsidium
{
    meta:
        kind = "protector"
        name = "Obsidium"
        weight = 30
    condition:
        is_pe and for any s in pe.sections : (s.name == ".obsidiu")
}

rule StarForce
{
    meta:
        kind = "protector"
        name = "StarForce"
        weight = 20
    condition:
        is_pe and for any s in pe.sections : (s.name == ".sforce" or s.name == ".sforce3" or s.name == ".ps4")
}

rule SVKP
{
    meta:
        kind = "protector"
        name = "SVK Protector"
        weight = 25
    condition:
        is_pe and for any s in pe.sections : (s.name == ".svkp")
}

rule Armadillo
{
    meta:
        kind = "protector"
        name = "Armadillo"
        weight = 25
    strings:
        $mark = "ArmAccess.DLL" ascii wide
        $name = "Silicon Realms Toolworks" ascii wide
    condition:
        is_pe and (pe.linker_version.major == 0x53 and pe.linker_version.minor == 0x52 or all of them)
}

rule ConfuserEx
{
    meta:
        kind = "protector"
        name = "ConfuserEx"
        weight = 30
    strings:
        $version = /Confuser(Ex)?( \w+)? v\d+\.\d+(\.\d+)*/
        $attribute = "ConfusedByAttribute"
    condition:
        dotnet.is_dotnet and any of them
}

rule SmartAssembly
{
    meta:
        kind = "protector"
        name = "SmartAssembly"
        weight = 20
    strings:
        $version = /Powered by SmartAssembly \d+(\.\d+)+/
        $attribute = "SmartAssembly.Attributes"
    condition:
        dotnet.is_dotnet and any of them
}

rule Dotfuscator
{
    meta:
        kind = "protector"
        name = "Dotfuscator"
        weight = 10
    strings:
        $attribute = "DotfuscatorAttribute"
    condition:
        dotnet.is_dotnet and all of them
}

rule Babel_NET
{
    meta:
        kind = "protector"
        name = "Babel Obfuscator"
        weight = 20
    strings:
        $attribute = "BabelObfuscatorAttribute"
    condition:
        dotnet.is_dotnet and all of them
}

rule Eazfuscator
{
    meta:
        kind = "protector"
        name = "Eazfuscator.NET"
        weight = 20
    strings:
        $code = "!This assembly was protected by an evaluation version of Eazfuscator.NET" wide ascii
        $name = "Eazfuscator.NET" wide ascii
    condition:
        dotnet.is_dotnet and any of them
}

rule Costura
{
    meta:
        kind = "packer"
        name = "Costura.Fody"
        weight = 0
    strings:
        $loader = "costura.costura"
        $resource = "costura.dll.compressed" nocase
        $type = "Costura"
    condition:
        dotnet.is_dotnet and 1 of ($loader, $resource) or dotnet.is_dotnet and $type and for any r in dotnet.resources : (r.name startswith "costura.")
}

rule SHC
{
    meta:
        kind = "packer"
        name = "shc (a shell script, encrypted)"
        weight = 30
    strings:
        $usage = "E: neither argv[0] nor $_ works."
        $expired = "has expired!\n"
        $again = "<null>"
    condition:
        is_elf and ($usage or $expired and $again)
}

rule Burneye
{
    meta:
        kind = "protector"
        name = "Burneye"
        weight = 30
    strings:
        $mark = "TEEE burneye"
    condition:
        is_elf and $mark
}

rule Kiteshield
{
    meta:
        kind = "protector"
        name = "Kiteshield"
        weight = 30
    strings:
        $mark = "kiteshield"
    condition:
        is_elf and $mark and elf.sections.len() == 0
}

rule PyArmor
{
    meta:
        kind = "protector"
        name = "PyArmor"
        weight = 20
    strings:
        $runtime = "pyarmor_runtime" nocase
        $function = "__pyarmor__"
    condition:
        any of them and (is_pe or is_elf)
}
