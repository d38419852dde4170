/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The RP2040's second stage: the boot ROM reads these 256 bytes to the end of SRAM, checks their CRC-32 and jumps to them
 * (RP2040 Datasheet, 2.8.1). They make the flash readable at 0x1000 0000 and start the program behind them.
 *
 * Every serial flash knows the command 03h: one data line, no mode to enter or to leave. At clk_sys / 4, 31 MHz when the
 * PLL runs, it stays below the 50 MHz that a W25Q16JV allows for it; what the XIP cache of 16 KB does not hold costs some
 * 400 cycles. Registers: 2.6.3 and 4.10 (SSI).
 *
 * The code is position-independent, uses no stack and only Armv6-M instructions of one encoding, so that every assembler
 * gives the same bytes; BOOT2_CRC is theirs. tests/device/emulators/test_rp2.py prints the new one when they change.
 */
#define BOOT2_CRC "0x0e547ebb"

__asm__(
    ".section .before_vectors, \"ax\"\n"
    ".syntax unified\n"
    ".thumb\n"
    ".balign 4\n"
    "boot2:\n"
    "ldr r3, boot2_ssi\n"
    "movs r1, #0\n"
    "str r1, [r3, #0x08]\n" /* SSIENR: off while it is set up */
    "movs r0, #4\n"
    "str r0, [r3, #0x14]\n" /* BAUDR: clk_sys / 4 */
    "ldr r0, boot2_ctrlr0\n"
    "str r0, [r3, #0x00]\n" /* CTRLR0 */
    "str r1, [r3, #0x04]\n" /* CTRLR1: one data frame */
    "ldr r0, boot2_spi_ctrlr0\n"
    "movs r2, #0xf4\n"
    "str r0, [r3, r2]\n" /* SPI_CTRLR0 */
    "movs r0, #1\n"
    "str r0, [r3, #0x08]\n" /* SSIENR: on; from here the flash can be read */
    "ldr r0, boot2_vectors\n"
    "ldr r1, boot2_vtor\n"
    "str r0, [r1]\n" /* VTOR */
    "ldr r1, [r0]\n"
    "msr msp, r1\n"
    "ldr r1, [r0, #4]\n"
    "bx r1\n"
    ".hword 0\n" /* the words that follow are aligned */
    "boot2_ssi: .word 0x18000000\n"
    "boot2_ctrlr0: .word 31 << 16 | 3 << 8\n"                  /* DFS_32: 32 bits, TMOD: EEPROM read */
    "boot2_spi_ctrlr0: .word 0x03 << 24 | 2 << 8 | 6 << 2\n"   /* XIP_CMD, INST_L: 8 bits, ADDR_L: 24 bits */
    "boot2_vectors: .word 0x10000100\n"
    "boot2_vtor: .word 0xe000ed08\n"
    ".org 252\n"
    ".word " BOOT2_CRC "\n"
    ".text\n");
