// Files made to test that a scanner works. Written as bytes, so that no scanner stops at this file itself.

rule EICAR_Test_File
{
    meta:
        description = "The EICAR anti-virus test file: harmless, and detected by every scanner on purpose"
        reference = "https://www.eicar.org/download-anti-malware-testfile/"
        family = "EICAR"
        score = 100
    strings:
        $eicar = {
            58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 28 50 5E 29 37 43 43 29 37 7D 24
            45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 49 52 55 53 2D 54 45 53
            54 2D 46 49 4C 45 21 24 48 2B 48 2A
        }
    condition:
        $eicar at 0 and filesize <= 128
}

rule EICAR_String_Inside
{
    meta:
        description = "The EICAR test string inside a larger file"
        family = "EICAR"
        score = 70
    strings:
        $eicar = {
            58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 28 50 5E 29 37 43 43 29 37 7D 24
            45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 49 52 55 53 2D 54 45 53
            54 2D 46 49 4C 45 21 24 48 2B 48 2A
        }
    condition:
        $eicar and (filesize > 128 or not $eicar at 0)
}

rule GTUBE_Test_Mail
{
    meta:
        description = "The generic test for unsolicited bulk mail (GTUBE)"
        reference = "https://spamassassin.apache.org/gtube/"
        score = 50
    strings:
        $gtube = {
            58 4A 53 2A 43 34 4A 44 42 51 41 44 4E 31 2E 4E 53 42 4E 33 2A 32 49 44 4E 45 4E 2A
            47 54 55 42 45 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 2D 55 42 45 2D 54 45 53 54
            2D 45 4D 41 49 4C 2A 43 2E 33 34 58
        }
    condition:
        $gtube
}
