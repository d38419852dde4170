"""SCons script of the stand-in platform: GCC for Arm from PATH, strict, freestanding."""

from SCons.Script import Default, DefaultEnvironment

MACHINE = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
STRICT = ["-Os", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-ffunction-sections", "-fdata-sections"]

environment = DefaultEnvironment()
environment.Replace(
    AR="arm-none-eabi-gcc-ar",
    AS="arm-none-eabi-gcc",
    CC="arm-none-eabi-gcc",
    CXX="arm-none-eabi-g++",
    RANLIB="arm-none-eabi-gcc-ranlib",
    ARFLAGS=["rc"],
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)
environment.Append(
    CCFLAGS=[*MACHINE, *STRICT],
    CFLAGS=["-std=gnu11"],
    CXXFLAGS=["-std=gnu++11", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"],
    LINKFLAGS=[*MACHINE, "-nostdlib", "-static", "-Wl,--gc-sections"],
    LIBS=["gcc"],
)
Default(environment.BuildProgram())
