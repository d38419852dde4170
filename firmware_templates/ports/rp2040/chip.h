/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* RP2040: addresses and bits that differ from the RP2350. RP2040 Datasheet, 2.2 Address Map, 2.14 Subsystem Resets; as in
 * src/rp2040/hardware_regs of Raspberry Pi's pico-sdk. */
#ifndef TP_CHIP_H
#define TP_CHIP_H

#define CLOCKS_BASE 0x40008000u
#define RESETS_BASE 0x4000C000u
#define IO_BANK0_BASE 0x40014000u
#define PADS_BANK0_BASE 0x4001C000u
#define XOSC_BASE 0x40024000u
#define PLL_SYS_BASE 0x40028000u
#define UART0_BASE 0x40034000u
#define UART1_BASE 0x40038000u
#define TIMER_BASE 0x40054000u

/* RESETS.RESET */
#define IO_BANK0_RESET (1u << 5)
#define PADS_BANK0_RESET (1u << 8)
#define PLL_SYS_RESET (1u << 12)
#define TIMER_RESET (1u << 21)
#define UART0_RESET (1u << 22)
#define UART1_RESET (1u << 23)

/* 12 MHz × 125 = 1500 MHz, / 6 / 2 = 125 MHz. */
#define PLL_POSTDIV1 6u
#define PLL_POSTDIV2 2u
#define CPU_CLOCK_MAX_HZ (133 * MHZ)

/* WATCHDOG.TICK: ENABLE, CYCLES of clk_ref a microsecond. */
#define START_TICKS (REGISTER(0x4005802C) = 1u << 9 | CRYSTAL_HZ / MHZ)

#endif
