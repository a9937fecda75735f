// Compilers, run times and installers: what a program was made with, and what it unpacks.
// meta: kind and name. A pattern named $version… holds the version. None of it weighs anything.

import "pe"
import "elf"
import "macho"
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

private rule is_macho
{
    condition:
        uint32(0) == 0xFEEDFACE or uint32(0) == 0xFEEDFACF or uint32be(0) == 0xFEEDFACE or
        uint32be(0) == 0xFEEDFACF or uint32be(0) == 0xCAFEBABE
}

private rule is_program
{
    condition:
        is_pe or is_elf or is_macho
}

rule Go
{
    meta:
        kind = "compiler"
        name = "Go"
    strings:
        $_version = /\xff Go buildinf:.{18}.?go1\.\d+(\.\d+)?/s
        $_version_any = /\x00go1\.\d{1,2}(\.\d{1,2})?[\x00 ]/
        $info = "\xff Go buildinf:"
        $id = "\xff Go build ID: \""
        $runtime = "runtime.morestack"
        $main = "runtime.main"
    condition:
        is_program and ($info or $id or ($runtime and $main))
}

rule Rust
{
    meta:
        kind = "compiler"
        name = "Rust"
    strings:
        $version = /rustc version 1\.\d+\.\d+/
        $version_source = /rustc-1\.\d+\.\d+-src/
        $version_commit = /\/rustc\/[0-9a-f]{40}[\/\\]/
        $panic = "called `Option::unwrap()` on a `None` value"
    condition:
        is_program and any of them
}

rule GCC
{
    meta:
        kind = "compiler"
        name = "GCC"
    strings:
        $version = /GCC: \([^)]{1,80}\) \d+\.\d+(\.\d+)?/
    condition:
        is_program and $version
}

rule Clang
{
    meta:
        kind = "compiler"
        name = "Clang"
    strings:
        $version = /clang version \d+\.\d+(\.\d+)?/
    condition:
        is_program and $version
}

rule MinGW
{
    meta:
        kind = "compiler"
        name = "MinGW-w64"
    strings:
        $failure = "Mingw-w64 runtime failure:"
        $old = "Mingw runtime failure:"
    condition:
        is_pe and any of them
}

rule Microsoft_Linker
{
    meta:
        kind = "compiler"
        name = "Microsoft Visual C++"
    condition:
        is_pe and pe.rich_signature.length > 0 and not dotnet.is_dotnet and
        not for any i in pe.import_details : (i.library_name icontains "msvbvm")
}

rule Visual_Basic_6
{
    meta:
        kind = "compiler"
        name = "Microsoft Visual Basic 6"
    condition:
        is_pe and for any i in pe.import_details : (i.library_name iequals "msvbvm60.dll")
}

rule Visual_Basic_5
{
    meta:
        kind = "compiler"
        name = "Microsoft Visual Basic 5"
    condition:
        is_pe and for any i in pe.import_details : (i.library_name iequals "msvbvm50.dll")
}

rule Dot_NET
{
    meta:
        kind = "runtime"
        name = ".NET"
    strings:
        $_version = /\.NET(Framework|CoreApp|Standard),Version=v\d+\.\d+(\.\d+)?/
    condition:
        is_pe and dotnet.is_dotnet
}

rule Dot_NET_Single_File
{
    meta:
        kind = "runtime"
        name = ".NET, single file"
    strings:
        $bundle = { 8b 12 02 b9 6a 61 20 38 72 7b 93 02 14 d7 a0 32 13 f5 b9 e6 ef ae 33 18 ee 3b 2d ce 24 b3 6a ae }
    condition:
        is_program and $bundle
}

rule Delphi
{
    meta:
        kind = "compiler"
        name = "Delphi or C++Builder"
    strings:
        $version = /Embarcadero (RAD Studio|Delphi for \w+) [\w .]{0,20}compiler version \d+\.\d+/
        $registry = "SOFTWARE\\Borland\\Delphi" ascii wide nocase
        $embarcadero = "Software\\Embarcadero\\Locales" ascii wide nocase
        $codegear = "Software\\CodeGear\\Locales" ascii wide nocase
        $locales = "Software\\Borland\\Locales" ascii wide nocase
        $stub = "This program must be run under Win32"
        $stub64 = "This program must be run under Win64"
        $fastmm = "FastMM Borland Edition"
    condition:
        is_pe and ($version or $registry or $embarcadero or $codegear or $locales or $fastmm or
        ($stub in (0..512) or $stub64 in (0..512)) and for any s in pe.sections : (s.name == "CODE" or s.name == ".itext"))
}

rule Free_Pascal
{
    meta:
        kind = "compiler"
        name = "Free Pascal"
    strings:
        $version = /FPC \d\.\d\.\d [\[(]/
    condition:
        is_program and $version
}

rule Nim
{
    meta:
        kind = "compiler"
        name = "Nim"
    strings:
        $main = "NimMain"
        $error = "@fatal.nim"
        $io = "io.nim"
        $bounds = "index out of bounds, the container is empty"
    condition:
        is_program and ($main or $error or ($io and $bounds))
}

rule Zig
{
    meta:
        kind = "compiler"
        name = "Zig"
    strings:
        $version = /\x00zig \d\.\d+\.\d+\x00/
        $trace = "Unable to dump stack trace: debug info stripped"
        $panic = "attempt to use null value"
    condition:
        is_program and ($version or all of ($trace, $panic))
}

rule D
{
    meta:
        kind = "compiler"
        name = "D"
    strings:
        $main = "_Dmain"
        $core = "core.exception.RangeError"
    condition:
        is_program and all of them
}

rule Haskell
{
    meta:
        kind = "compiler"
        name = "GHC (Haskell)"
    strings:
        $version = /GHC \d+\.\d+\.\d+/
        $stack = "stg_ap_v_info"
        $rts = "ghczmprim"
    condition:
        is_program and 2 of them
}

rule Swift
{
    meta:
        kind = "compiler"
        name = "Swift"
    strings:
        $types = "__swift5_types"
        $library = "libswiftCore"
        $elf = "swift5_typeref"
    condition:
        is_macho and ($types in (0..65536) or $library in (0..65536)) or (is_elf or is_pe) and ($library or $elf)
}

rule Objective_C
{
    meta:
        kind = "compiler"
        name = "Objective-C"
    strings:
        $classes = "__objc_classlist"
    condition:
        is_macho and $classes in (0..65536)
}

rule Tiny_C
{
    meta:
        kind = "compiler"
        name = "Tiny C"
    strings:
        $version = /tcc version \d\.\d+\.\d+/
    condition:
        is_program and $version
}

rule Watcom
{
    meta:
        kind = "compiler"
        name = "Open Watcom"
    strings:
        $open = "Open Watcom C/C++"
        $old = "WATCOM C/C++"
    condition:
        is_program and any of them
}

rule Wine
{
    meta:
        kind = "library"
        name = "Wine, built in"
    strings:
        $builtin = "Wine builtin DLL"
        $placeholder = "Wine placeholder DLL"
    condition:
        is_pe and any of them at 0x40
}

rule Cygwin
{
    meta:
        kind = "runtime"
        name = "Cygwin or MSYS"
    condition:
        is_pe and for any i in pe.import_details : (i.library_name iequals "cygwin1.dll" or i.library_name iequals "msys-2.0.dll")
}

rule GNU_C_Library
{
    meta:
        kind = "library"
        name = "GNU C library, linked in"
    strings:
        $version = /GNU C Library \([^)]{1,60}\) \w+ release version \d\.\d+/
    condition:
        is_elf and $version
}

rule uClibc
{
    meta:
        kind = "library"
        name = "uClibc"
    strings:
        $loader = /\/lib\/ld(64)?-uClibc\.so/
        $main = "__uClibc_main"
        $static = "npxXoudifFeEgGaACScs"
    condition:
        is_elf and any of them
}

rule musl
{
    meta:
        kind = "library"
        name = "musl"
    strings:
        $loader = /\/lib\/ld-musl-\w+\.so/
        $locale = "MUSL_LOCPATH"
    condition:
        is_elf and any of them
}

rule PyInstaller
{
    meta:
        kind = "runtime"
        name = "PyInstaller"
    strings:
        $_version = /python3?\.?\d{1,2}(\.dll|\.so)/
        $cookie = { 4D 45 49 0C 0B 0A 0B 0E }
        $variable = "_MEIPASS"
        $option = "pyi-windows-manifest-filename"
        $option2 = "pyi-runtime-tmpdir"
        $message = "Cannot open PyInstaller archive from executable"
        $message2 = "PYINSTALLER_"
    condition:
        is_program and ($cookie or 2 of ($variable, $option, $option2, $message, $message2))
}

rule Nuitka
{
    meta:
        kind = "compiler"
        name = "Nuitka"
    strings:
        $onefile = "NUITKA_ONEFILE_PARENT" ascii wide
        $original = "NUITKA_ORIGINAL_ARGV0" ascii wide
        $loader = "nuitka_module_loader"
        $version = "__nuitka_version__"
        $compiled = "compiled_function"
        $compiled2 = "compiled_generator"
    condition:
        is_program and ($onefile or $original or $loader or $version or all of ($compiled, $compiled2))
}

rule Cython
{
    meta:
        kind = "compiler"
        name = "Cython"
    strings:
        $runtime = "__pyx_capi__"
        $version = /_cython_\d+_\d+_\d+\w{0,4}/
        $function = "cython_function_or_method"
    condition:
        is_program and ($runtime or $version) and $function
}

rule py2exe
{
    meta:
        kind = "runtime"
        name = "py2exe"
    strings:
        $script = "PYTHONSCRIPT" ascii wide
        $variable = "PY2EXE_VERBOSE"
    condition:
        is_pe and any of them
}

rule cx_Freeze
{
    meta:
        kind = "runtime"
        name = "cx_Freeze"
    strings:
        $name = "cx_Freeze" ascii wide
        $name2 = "cx_freeze" ascii wide
        $init = "initscripts" ascii wide
        $init2 = "__startup__"
    condition:
        is_program and any of ($name*) and any of ($init*)
}

rule Python_Launcher
{
    meta:
        kind = "runtime"
        name = "Python script launcher"
    strings:
        $search = "Unable to find an appended archive." ascii wide
        $line = "Expected to find a command ending in '\\0' in shebang line:" ascii wide
        $setuptools = "Cannot find Python executable %s\n"
        $uv = "UVSC"
        $uv2 = "uv-trampoline"
    condition:
        is_pe and ($search or $line or $setuptools or all of ($uv, $uv2))
}

rule AutoIt
{
    meta:
        kind = "runtime"
        name = "AutoIt"
    strings:
        $version = /\.?AU3!EA0[56]/
        $script = "This is a third-party compiled AutoIt script." ascii wide
        $guid = { A3 48 4B BE 98 6C 4A A9 99 4C 53 0A 86 D6 48 7D }
        $error = "AutoIt Error" ascii wide
        $script2 = ">>>AUTOIT SCRIPT<<<" ascii wide
        $execute = "AutoIt v3" ascii wide
    condition:
        is_pe and ($version or $guid or $script or $script2 or ($error and $execute))
}

rule AutoHotkey
{
    meta:
        kind = "runtime"
        name = "AutoHotkey"
    strings:
        $script = ">AUTOHOTKEY SCRIPT<" ascii wide
        $class = "AutoHotkey" wide
        $command = "A_ScriptHwnd" ascii wide
    condition:
        is_pe and ($script or ($class and $command))
}

rule PS2EXE
{
    meta:
        kind = "runtime"
        name = "PS2EXE"
    strings:
        $host = "PS2EXE" ascii wide
        $module = "ModuleNameSpace"
        $engine = "System.Management.Automation"
    condition:
        dotnet.is_dotnet and $engine and any of ($host, $module)
}

rule Electron
{
    meta:
        kind = "runtime"
        name = "Electron"
    strings:
        $version = /Electron\/\d+\.\d+\.\d+/
        $asar = "electron.asar"
        $helper = "ELECTRON_RUN_AS_NODE" ascii wide
    condition:
        is_program and 2 of them
}

rule Node_SEA
{
    meta:
        kind = "runtime"
        name = "Node.js, single executable"
    strings:
        $fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:1"
        $pkg = "pkg/prelude/bootstrap.js"
        $nexe = "<nexe~~sentinel>"
    condition:
        is_program and any of them
}

rule Deno
{
    meta:
        kind = "runtime"
        name = "Deno, compiled"
    strings:
        $trailer = "d3n0l4nd"
    condition:
        is_program and $trailer in (filesize - 64..filesize)
}

rule Bun
{
    meta:
        kind = "runtime"
        name = "Bun, compiled"
    strings:
        $trailer = "\n---- Bun! ----\n"
    condition:
        is_program and $trailer in (filesize - 64..filesize)
}

rule Java_Launcher
{
    meta:
        kind = "runtime"
        name = "Launch4j or exe4j (Java)"
    strings:
        $launch4j = "Launch4j" ascii wide
        $exe4j = "EXE4J_JAVA_HOME" ascii wide
        $jsmooth = "jsmooth" ascii wide
    condition:
        is_pe and any of them
}

rule Native_Image
{
    meta:
        kind = "compiler"
        name = "GraalVM native image (Java)"
    strings:
        $_version = /GraalVM( CE)? \d+\.\d+/
        $package = "com.oracle.svm.core"
    condition:
        is_program and $package
}

rule NSIS
{
    meta:
        kind = "installer"
        name = "NSIS"
    strings:
        $_version = /Nullsoft Install System v\d[\w.-]*/
        $head = { EF BE AD DE 4E 75 6C 6C 73 6F 66 74 49 6E 73 74 }
        $manifest = "Nullsoft.NSIS.exehead"
    condition:
        is_pe and ($head or $manifest)
}

rule Inno_Setup
{
    meta:
        kind = "installer"
        name = "Inno Setup"
    strings:
        $version = /Inno Setup Setup Data \(\d\.\d\.\d+/
        $loader = "InnoSetupLdrWindow" ascii wide
        $arguments = "JR.Inno.Setup"
    condition:
        is_pe and ($loader or $arguments or $version and pe.characteristics & pe.DLL == 0)
}

rule InstallShield
{
    meta:
        kind = "installer"
        name = "InstallShield"
    strings:
        $setup = "InstallShield" ascii wide
        $window = "ISSetupStream"
        $stub = "InstallShield Self-Extracting" ascii wide nocase
        $cab = "Setup Launcher" ascii wide
    condition:
        is_pe and ($window or $stub or ($setup and $cab)) or is_pe and $setup and pe.overlay.size > 4096
}

rule WiX_Burn
{
    meta:
        kind = "installer"
        name = "WiX bundle"
    condition:
        is_pe and for any s in pe.sections : (s.name == ".wixburn")
}

rule Wise
{
    meta:
        kind = "installer"
        name = "Wise Installer"
    strings:
        $main = "WiseMain"
        $name = "Wise Installation Wizard" ascii wide
    condition:
        is_pe and any of them
}

rule Advanced_Installer
{
    meta:
        kind = "installer"
        name = "Advanced Installer"
    strings:
        $trailer = "ADVINSTSFX"
    condition:
        is_pe and $trailer
}

rule Setup_Factory
{
    meta:
        kind = "installer"
        name = "Setup Factory"
    strings:
        $name = "Setup Factory" ascii wide
        $engine = "irsetup.exe" ascii wide
    condition:
        is_pe and all of them
}

rule IExpress
{
    meta:
        kind = "installer"
        name = "IExpress (wextract)"
    strings:
        $path = "wextract.pdb"
        $cabinet = "CABINET" wide
        $program = "RUNPROGRAM" ascii wide
        $post = "POSTRUNPROGRAM" ascii wide
    condition:
        is_pe and ($path or all of ($cabinet, $program, $post))
}

rule Seven_Zip_SFX
{
    meta:
        kind = "installer"
        name = "7-Zip, self-extracting"
    strings:
        $config = ";!@Install@!UTF-8!"
        $module = "7zS.sfx" ascii wide
        $module2 = "7z.sfx" ascii wide
        $archive = { 37 7A BC AF 27 1C }
    condition:
        is_program and ($config or any of ($module*)) and $archive
}

rule WinRAR_SFX
{
    meta:
        kind = "installer"
        name = "WinRAR, self-extracting"
    strings:
        $archive = "Rar!\x1a\x07"
        $class = "WinRAR SFX" ascii wide nocase
        $dialog = "STARTDLG" ascii wide
    condition:
        is_pe and $archive and any of ($class, $dialog)
}

rule Squirrel
{
    meta:
        kind = "installer"
        name = "Squirrel"
    strings:
        $install = "SquirrelSetup" ascii wide
        $awaken = "SquirrelAwareVersion" ascii wide
        $temp = "SQUIRREL_TEMP" ascii wide
    condition:
        is_pe and any of ($install, $temp) or is_pe and $awaken and pe.overlay.size > 65536
}

rule AppImage
{
    meta:
        kind = "installer"
        name = "AppImage"
    condition:
        is_elf and (uint16(8) == 0x4941)
}
