"""Projects for build systems that are not here, Zephyr's and ESP-IDF's: their files say what those documents ask for,
and their C compiles, for such a core, against a few lines that stand in for their headers."""

import re
import subprocess
import sys
from pathlib import Path

import kconfiglib
import pytest
import yaml

from tests import networks
from tinyprune import files
from tinyprune.compiler import lower, reader
from tinyprune.device import boards
from tinyprune.device.firmware import Project
from tinyprune.firmware import codegen, projects

C_LIBRARY = {
    "string.h": "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\nvoid *memset(void *, int, size_t);\n"
    "void *memmove(void *, const void *, size_t);\n",
}
THUMB = ("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp")
ESP32_C3 = ("-target", "riscv32-freestanding", "-mcpu=generic_rv32+m+c")
#: Of docs.zephyrproject.org: "UART" and "Kernel Timing".
ZEPHYR = {
    "zephyr/device.h": "struct device;\n#define DEVICE_DT_GET(node) (&node)\n#define DT_CHOSEN(name) chosen_##name\n"
    "extern const struct device chosen_zephyr_console;\n",
    "zephyr/drivers/uart.h": "int uart_poll_in(const struct device *dev, unsigned char *p_char);\n"
    "void uart_poll_out(const struct device *dev, unsigned char out_char);\n",
    "zephyr/kernel.h": "#include <stdint.h>\nuint32_t k_cycle_get_32(void);\n"
    "uint64_t k_cyc_to_us_floor64(uint64_t t);\n",
}
#: Of docs.espressif.com: "Universal Asynchronous Receiver/Transmitter (UART)" and "ESP Timer".
ESP_IDF = {
    "freertos/FreeRTOS.h": "#define portMAX_DELAY 0xffffffffu\ntypedef uint32_t TickType_t;\n",
    "esp_timer.h": "#include <stdint.h>\nint64_t esp_timer_get_time(void);\n",
    "driver/uart.h": "#include <stddef.h>\n#include <stdint.h>\ntypedef int esp_err_t;\ntypedef int uart_port_t;\n"
    "enum { UART_NUM_0 };\ntypedef enum { UART_DATA_8_BITS = 3 } uart_word_length_t;\n"
    "typedef enum { UART_PARITY_DISABLE } uart_parity_t;\ntypedef enum { UART_STOP_BITS_1 = 1 } uart_stop_bits_t;\n"
    "typedef struct { int baud_rate; uart_word_length_t data_bits; uart_parity_t parity;\n"
    "    uart_stop_bits_t stop_bits; } uart_config_t;\n"
    "esp_err_t uart_driver_install(uart_port_t, int rx, int tx, int size, void *queue, int flags);\n"
    "esp_err_t uart_param_config(uart_port_t, const uart_config_t *);\n"
    "int uart_read_bytes(uart_port_t, void *, uint32_t length, uint32_t ticks);\n"
    "int uart_write_bytes(uart_port_t, const void *, size_t);\nesp_err_t uart_wait_tx_done(uart_port_t, uint32_t);\n",
}


def made(kind: str, board: str, folder: Path) -> Project:
    """The project, also written to `folder`."""
    program = lower.lower(reader.read(networks.ds_cnn()), boards.load(board))
    project = projects.PROJECTS[kind].make(program, codegen.generate(program, "kws"), "kws")
    files.write_files(project.files, folder)
    return project


def compiles(folder: Path, target: tuple[str, ...], sources: list[str], *includes: str) -> None:
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-c"]
    command = [sys.executable, "-m", "ziglang", "cc", *target, *flags, *(f"-I{path}" for path in includes), *sources]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_zephyr_module(tmp_path: Path) -> None:
    found = made("zephyr", "cortex-m4f", tmp_path).files
    module = yaml.safe_load(found["zephyr/module.yml"])
    assert module == {
        "name": "tinyprune_kws",
        "build": {"cmake": "zephyr", "kconfig": "zephyr/Kconfig"},
        "samples": ["samples"],
    }
    assert re.search(r"^config TINYPRUNE_KWS\n\tbool ", found["zephyr/Kconfig"], re.MULTILINE)
    cmake = found["zephyr/CMakeLists.txt"]
    assert cmake.startswith("# SPDX") and "\nif(CONFIG_TINYPRUNE_KWS)\n" in cmake  # noqa: PT018
    listed = sorted(re.findall(r"\.\./(src/\S+\.c)", cmake))
    assert listed == sorted(path for path in found if path.startswith("src/") and path.endswith(".c"))
    assert "zephyr_include_directories(../include)" in cmake
    assert [path for path in found if path.startswith("include/")] == ["include/tinyprune_kws.h"]
    assert "CONFIG_TINYPRUNE_KWS=y" in found["samples/benchmark/prj.conf"].splitlines()
    sample = yaml.safe_load(found["samples/benchmark/sample.yaml"])
    assert sample["tests"]["sample.tinyprune_kws.benchmark"]["build_only"]


def test_its_kconfig_takes_the_samples_settings(tmp_path: Path) -> None:
    """By the parser of Kconfig that Zephyr carries, in a menu as scripts/zephyr_module.py of Zephyr makes."""
    made("zephyr", "cortex-m4f", tmp_path)
    settings = tmp_path / "samples/benchmark/prj.conf"
    zephyrs = set(re.findall(r"^CONFIG_(\w+)=", settings.read_text(), re.MULTILINE)) - {"TINYPRUNE_KWS"}
    types = "".join(f'config {name}\n\t{"int" if name.endswith("SIZE") else "bool"} "x"\n' for name in sorted(zephyrs))
    top = tmp_path / "Kconfig"
    top.write_text(f'menu "tinyprune_kws"\nsource "{(tmp_path / "zephyr/Kconfig").as_posix()}"\nendmenu\n{types}')
    kconfig = kconfiglib.Kconfig(str(top), warn_to_stderr=False)
    kconfig.load_config(str(settings))
    assert kconfig.warnings == []
    assert (kconfig.syms["TINYPRUNE_KWS"].str_value, kconfig.syms["SERIAL"].str_value) == ("y", "y")


@pytest.mark.compiler
def test_its_sample_compiles(tmp_path: Path) -> None:
    found = made("zephyr", "cortex-m4f", tmp_path).files
    files.write_files(C_LIBRARY | ZEPHYR, tmp_path / "standin")
    sample = [path for path in found if re.fullmatch(r"samples/benchmark/src/.*\.c", path)]
    assert [Path(path).name for path in sorted(sample)] == ["main.c", "port.c", "protocol.c", "text.c"]
    compiles(tmp_path, THUMB, sample, "include", "standin")


@pytest.mark.compiler
def test_an_esp_idf_project(tmp_path: Path) -> None:
    project = made("espidf", "cortex-m3", tmp_path)
    component = "components/tinyprune_kws"
    found = project.files
    assert project.yours == {"CMakeLists.txt", "sdkconfig.defaults", f"{component}/idf_component.yml"}
    about = yaml.safe_load(found[f"{component}/idf_component.yml"])
    assert {"version", "description", "url", "license", "dependencies"} <= set(about)
    listed = re.findall(r'"(src/\S+\.c)"', found[f"{component}/CMakeLists.txt"])
    own = [path.removeprefix(f"{component}/") for path in found if path.startswith(f"{component}/src/")]
    assert sorted(listed) == sorted(path for path in own if path.endswith(".c"))
    files.write_files(C_LIBRARY | ESP_IDF, tmp_path / "standin")
    compiles(tmp_path / component, ESP32_C3, listed, "include", "src", "../../standin")
    assert re.search(r'SRCS "main.c" "protocol.c" "text.c".*REQUIRES tinyprune_kws', found["main/CMakeLists.txt"])
    compiles(tmp_path, ESP32_C3, ["main/main.c", "main/protocol.c", "main/text.c"], f"{component}/include", "standin")


def test_a_folder_has_one_header_for_its_user(tmp_path: Path) -> None:
    found = made("folder", "cortex-m4f", tmp_path).files
    assert {path.split("/")[0] for path in found} == {"include", "src", "LICENSE", "README.md"}
    assert [path for path in found if path.startswith("include/")] == ["include/tinyprune_kws.h"]
    readme = found["README.md"]
    for part in ("STM32CubeIDE", "Keil", "`-mcpu=cortex-m4`", "kws_invoke(arena)", "c11"):
        assert part in readme


def test_espidf_wants_a_core_without_arms_dsp_instructions() -> None:
    refusal = projects.PROJECTS["espidf"].refusal
    assert "--board cortex-m3" in str(refusal(boards.load("nano33")))
    assert refusal(boards.load("cortex-m3")) is None
