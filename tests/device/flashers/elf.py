"""A minimal ELF file: header, one loadable segment, the attribute that names the core's architecture."""

import struct

ARMV6SM, ARMV7EM, ARMV8M_MAIN = 12, 13, 17
EM_386, EM_ARM = 3, 40


def make(data: bytes, address: int, architecture: int = ARMV7EM, machine: int = EM_ARM) -> bytes:
    """`data` at `address`, as a linker for 32-bit little-endian machines writes it."""
    attribute = bytes([6, architecture])  # Tag_CPU_arch
    inner = struct.pack("<BI", 1, 5 + len(attribute)) + attribute  # Tag_File
    vendor = b"aeabi\0"
    attributes = b"A" + struct.pack("<I", 4 + len(vendor) + len(inner)) + vendor + inner
    names = b"\0.text\0.ARM.attributes\0.shstrtab\0"
    at_data = 52 + 32
    at_attributes = at_data + len(data)
    at_names = at_attributes + len(attributes)
    at_sections = at_names + len(names)
    ident = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    fields = (2, machine, 1, address | 1, 52, at_sections, 0x0500_0000, 52, 32, 1, 40, 4, 3)
    header = ident + struct.pack("<HHIIIIIHHHHHH", *fields)
    segment = struct.pack("<8I", 1, at_data, address, address, len(data), len(data), 5, 4)
    sections = [
        (0, 0, 0, 0, 0, 0),
        (names.index(b".text"), 1, 6, address, at_data, len(data)),
        (names.index(b".ARM"), 0x7000_0003, 0, 0, at_attributes, len(attributes)),
        (names.index(b".shstrtab"), 3, 0, 0, at_names, len(names)),
    ]
    table = b"".join(struct.pack("<10I", *section, 0, 0, 1, 0) for section in sections)
    return header + segment + data + attributes + names + table
