// Scripts, web pages and shortcuts: commands that fetch, hide or start something else.

rule PowerShell_Download_Cradle
{
    meta:
        description = "PowerShell that fetches a program from the network and runs it at once"
        score = 75
        behaviour = "downloader"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
    strings:
        $fetch1 = ".DownloadString(" nocase ascii wide
        $fetch2 = ".DownloadData(" nocase ascii wide
        $fetch3 = ".DownloadFile(" nocase ascii wide
        $fetch4 = "Invoke-WebRequest" nocase ascii wide
        $fetch5 = "Start-BitsTransfer" nocase ascii wide
        $run1 = /\bIEX\b/ nocase ascii wide
        $run2 = "Invoke-Expression" nocase ascii wide
        $run3 = "Start-Process" nocase ascii wide
        $run4 = "[Reflection.Assembly]::Load" nocase ascii wide
    condition:
        filesize < 5MB and any of ($fetch*) and any of ($run*)
}

rule PowerShell_Hidden_Command
{
    meta:
        description = "PowerShell started without a window and with an encoded command"
        score = 70
        behaviour = "obfuscated-command"
    strings:
        $encoded = /powershell(\.exe)?["']?\s[^\r\n]{0,200}-e(nc|ncodedcommand|c)?\s+["']?[A-Za-z0-9+\/=]{40}/ nocase
        $wide = /p\x00o\x00w\x00e\x00r\x00s\x00h\x00e\x00l\x00l\x00[^\r\n]{0,300}-\x00e\x00(n\x00c\x00)?/ nocase
    condition:
        filesize < 5MB and any of them
}

rule Script_Runs_Shell
{
    meta:
        description = "A Windows script that starts a command and talks to the network"
        score = 60
        behaviour = "downloader"
    strings:
        $shell1 = "WScript.Shell" nocase ascii wide
        $shell2 = "Shell.Application" nocase ascii wide
        $net1 = "MSXML2.XMLHTTP" nocase ascii wide
        $net2 = "WinHttp.WinHttpRequest" nocase ascii wide
        $net3 = "MSXML2.ServerXMLHTTP" nocase ascii wide
        $net4 = "Microsoft.XMLHTTP" nocase ascii wide
        $file = "ADODB.Stream" nocase ascii wide
    condition:
        filesize < 5MB and uint16(0) != 0x5A4D and any of ($shell*) and (any of ($net*) or $file)
}

rule HTML_Smuggling
{
    meta:
        description = "A web page that builds a file out of its own text and saves it"
        score = 60
        behaviour = "hidden-payload"
        reference = "https://attack.mitre.org/techniques/T1027/006/"
    strings:
        $html = "<html" nocase
        $script = "<script" nocase
        $decode1 = "atob(" nocase
        $decode2 = "Uint8Array" nocase
        $save1 = "msSaveOrOpenBlob" nocase
        $save2 = "createObjectURL" nocase
        $name = ".download" nocase
    condition:
        filesize < 20MB and $script and $html and any of ($decode*) and any of ($save*) and $name
}

rule Webshell_PHP
{
    meta:
        description = "PHP that runs what a request sends"
        score = 80
        behaviour = "webshell"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $php = /<\?(php|=)/ nocase
        $run = /\b(eval|assert|system|exec|shell_exec|passthru|popen)\s*\(\s*(@?\w+\s*\(\s*){0,3}\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase
    condition:
        filesize < 2MB and $php and $run
}

rule Reverse_Shell
{
    meta:
        description = "A one-line shell that connects to a waiting machine"
        score = 80
        behaviour = "reverse-shell"
    strings:
        $bash = /(ba)?sh\s+-i\s*[0-9>&]{1,4}\s*\/dev\/(tcp|udp)\/[\w.-]{3,60}\/\d{1,5}/
        $netcat = /\bnc(at)?(\.exe)?\s+(-\w+\s+){0,4}-e\s+(\/bin\/(ba)?sh|cmd(\.exe)?)/ nocase
        $python = /import socket[^\r\n]{0,120}subprocess[^\r\n]{0,300}(dup2|pty\.spawn)/
        $perl = /use Socket;[^\r\n]{0,200}open\(STDIN,\s*">&S"\)/
    condition:
        filesize < 2MB and any of them
}

rule Crypto_Miner_Pool
{
    meta:
        description = "The protocol and options of a program that mines cryptocurrency for a pool"
        score = 55
        family = "miner"
    strings:
        $pool = "stratum+tcp://" ascii wide
        $pool2 = "stratum+ssl://" ascii wide
        $option1 = "--donate-level" ascii wide
        $option2 = "cryptonight" nocase ascii wide
        $option3 = "randomx" nocase ascii wide
        $option4 = "--coin" ascii wide
    condition:
        any of ($pool*) and any of ($option*)
}

rule Shortcut_Runs_Interpreter
{
    meta:
        description = "A Windows shortcut that starts an interpreter"
        score = 60
        behaviour = "starts-interpreter"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $i1 = "powershell" nocase ascii wide
        $i2 = "mshta" nocase ascii wide
        $i3 = "cmd.exe /c" nocase ascii wide
        $i4 = "wscript" nocase ascii wide
        $i5 = "rundll32" nocase ascii wide
        $i6 = "regsvr32" nocase ascii wide
    condition:
        uint32(0) == 0x0000004C and uint32(4) == 0x00021401 and any of them
}
