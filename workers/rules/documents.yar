// Documents: parts that act by themselves when the document is opened.

rule PDF_Starts_Program
{
    meta:
        description = "A PDF that asks the reader to start a program"
        score = 70
        behaviour = "launches-program"
    strings:
        $launch = /\/S\s*\/Launch\b/
        $open = "/OpenAction"
        $also = "/AA"
    condition:
        uint32(0) == 0x46445025 and $launch and ($open or $also)
}

rule PDF_Opens_With_JavaScript
{
    meta:
        description = "A PDF that runs JavaScript as it opens"
        score = 35
        behaviour = "runs-script"
    strings:
        $js = /\/S\s*\/JavaScript\b/
        $open = "/OpenAction"
        $also = "/AA"
    condition:
        uint32(0) == 0x46445025 and $js and ($open or $also)
}

rule RTF_Equation_Object
{
    meta:
        description = "An RTF document with an Equation Editor object, as CVE-2017-11882 needs"
        score = 80
        behaviour = "exploit"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2017-11882"
    strings:
        $progid = "4571756174696f6e2e33" nocase
        $clsid = "02ce020000000000c000000000000046" nocase
        $name = "Equation.3" nocase
    condition:
        uint32be(0) & 0xFFFFFF00 == 0x7B5C7200 and any of them
}

rule Office_Auto_Macro
{
    meta:
        description = "A macro of an Office document that starts by itself and runs a command"
        score = 45
        behaviour = "auto-macro"
    strings:
        $vba = "Attribut" ascii
        $auto1 = "AutoOpen" nocase ascii wide
        $auto2 = "Document_Open" nocase ascii wide
        $auto3 = "Workbook_Open" nocase ascii wide
        $auto4 = "Auto_Open" nocase ascii wide
        $run1 = "WScript.Shell" nocase ascii wide
        $run2 = "powershell" nocase ascii wide
        $run3 = "CreateObject" nocase ascii wide
        $run4 = "URLDownloadToFile" nocase ascii wide
    condition:
        uint32(0) == 0xE011CFD0 and $vba and any of ($auto*) and any of ($run*)
}

rule Office_Remote_Template
{
    meta:
        description = "An Office relationship that loads a template from the network"
        score = 55
        behaviour = "remote-template"
        reference = "https://attack.mitre.org/techniques/T1221/"
    strings:
        $kind = /relationships\/(attachedTemplate|oleObject|frame)"/
        $remote = /Target="(https?|file|ftp):\/\/[^"]{4,400}"/ nocase
        $external = "TargetMode=\"External\"" nocase
    condition:
        filesize < 1MB and all of them
}

rule OLE_Package_Of_Program
{
    meta:
        description = "A document with a program inside, shown as an icon to double-click"
        score = 60
        behaviour = "hidden-payload"
    strings:
        $package = "\x01Ole10Native" wide
        $name = /\.(exe|scr|com|pif|bat|cmd|vbs|js|jse|wsf|hta|ps1|lnk)\x00/ nocase
    condition:
        uint32(0) == 0xE011CFD0 and all of them
}
