/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* RP2350: addresses and bits that differ from the RP2040. RP2350 Datasheet, 2.2 Address map, 7.5 Subsystem resets; as in
 * src/rp2350/hardware_regs of Raspberry Pi's pico-sdk. */
#ifndef TP_CHIP_H
#define TP_CHIP_H

#define CLOCKS_BASE 0x40010000u
#define RESETS_BASE 0x40020000u
#define IO_BANK0_BASE 0x40028000u
#define PADS_BANK0_BASE 0x40038000u
#define XOSC_BASE 0x40048000u
#define PLL_SYS_BASE 0x40050000u
#define UART0_BASE 0x40070000u
#define UART1_BASE 0x40078000u
#define TIMER_BASE 0x400B0000u /* TIMER0 */

/* RESETS.RESET */
#define IO_BANK0_RESET (1u << 6)
#define PADS_BANK0_RESET (1u << 9)
#define PLL_SYS_RESET (1u << 14)
#define TIMER_RESET (1u << 23)
#define UART0_RESET (1u << 26)
#define UART1_RESET (1u << 27)

/* 12 MHz × 125 = 1500 MHz, / 5 / 2 = 150 MHz. */
#define PLL_POSTDIV1 5u
#define PLL_POSTDIV2 2u
#define CPU_CLOCK_MAX_HZ (150 * MHZ)

/* TICKS: TIMER0_CYCLES of clk_ref a microsecond; TIMER0_CTRL.ENABLE. */
#define START_TICKS (REGISTER(0x4010801C) = CRYSTAL_HZ / MHZ, REGISTER(0x40108018) = 1)

#endif
