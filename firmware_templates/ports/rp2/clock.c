/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* RP2040 and RP2350 from reset (ring oscillator) to the PLL. RP2040 Datasheet, 2.15 Clocks, 2.16 XOSC, 2.18 PLL, 2.14
 * Resets; RP2350 Datasheet, 8.1, 8.2, 8.6, 7.5: the same blocks at other addresses. The regulator's 1.1 V after reset are
 * enough for this clock. */
#include "rp2.h"

/* Atomic access: RP2040 Datasheet, 2.1.2. */
#define SET(address) REGISTER((address) + 0x2000)
#define CLEAR(address) REGISTER((address) + 0x3000)

#define RESETS_RESET (RESETS_BASE + 0x0)
#define RESETS_RESET_DONE REGISTER(RESETS_BASE + 0x8)
#define CLK_REF_CTRL REGISTER(CLOCKS_BASE + 0x30)
#define CLK_REF_SELECTED REGISTER(CLOCKS_BASE + 0x38)
#define CLK_SYS_CTRL REGISTER(CLOCKS_BASE + 0x3C)
#define CLK_SYS_SELECTED REGISTER(CLOCKS_BASE + 0x44)
#define CLK_PERI_CTRL REGISTER(CLOCKS_BASE + 0x48)
#define XOSC_CTRL REGISTER(XOSC_BASE + 0x0)
#define XOSC_STATUS REGISTER(XOSC_BASE + 0x4)
#define XOSC_STARTUP REGISTER(XOSC_BASE + 0xC)
#define PLL_CS REGISTER(PLL_SYS_BASE + 0x0)
#define PLL_PWR (PLL_SYS_BASE + 0x4)
#define PLL_FBDIV_INT REGISTER(PLL_SYS_BASE + 0x8)
#define PLL_PRIM REGISTER(PLL_SYS_BASE + 0xC)

#define PLL_FBDIV (CPU_CLOCK_HZ / MHZ * PLL_POSTDIV1 * PLL_POSTDIV2 / (CRYSTAL_HZ / MHZ))
_Static_assert(CRYSTAL_HZ % MHZ == 0 && CRYSTAL_HZ >= 5 * MHZ && CRYSTAL_HZ <= 15 * MHZ,
               "clock.hz must be 5 to 15 MHz, whole");
_Static_assert(CPU_CLOCK_HZ % MHZ == 0 &&
                   CRYSTAL_HZ / MHZ * PLL_FBDIV == CPU_CLOCK_HZ / MHZ * PLL_POSTDIV1 * PLL_POSTDIV2,
               "the PLL cannot make cpu.clock_hz of clock.hz");
_Static_assert(CPU_CLOCK_HZ <= CPU_CLOCK_MAX_HZ && CRYSTAL_HZ / MHZ * PLL_FBDIV >= 750, "cpu.clock_hz is out of range");

static void start_blocks(uint32_t blocks) {
    CLEAR(RESETS_RESET) = blocks;
    while ((RESETS_RESET_DONE & blocks) != blocks) {
    }
}

static void start_crystal(void) {
    XOSC_STARTUP = (CRYSTAL_HZ / 1000 + 128) / 256 * 64; /* DELAY: 64 ms in units of 256 cycles, for slow crystals too */
    XOSC_CTRL = 0xFABu << 12 | 0xAA0;                     /* ENABLE, FREQ_RANGE: 1 to 15 MHz */
    while (!(XOSC_STATUS & 1u << 31)) {                   /* STABLE */
    }
}

/* A debugger may have started us without a reset, at full speed: away from the PLL before it is touched. */
static void leave_pll(void) {
    CLK_SYS_CTRL = 0; /* SRC: clk_ref */
    while (!(CLK_SYS_SELECTED & 1)) {
    }
    CLK_REF_CTRL = 2; /* SRC: the crystal */
    while (!(CLK_REF_SELECTED & 1u << 2)) {
    }
}

static void start_pll(void) {
    SET(RESETS_RESET) = PLL_SYS_RESET;
    start_blocks(PLL_SYS_RESET);
    PLL_CS = 1; /* REFDIV */
    PLL_FBDIV_INT = PLL_FBDIV;
    CLEAR(PLL_PWR) = 1u << 5 | 1u << 0; /* VCOPD, PD */
    while (!(PLL_CS & 1u << 31)) {      /* LOCK */
    }
    PLL_PRIM = PLL_POSTDIV1 << 16 | PLL_POSTDIV2 << 12;
    CLEAR(PLL_PWR) = 1u << 3; /* POSTDIVPD */
}

void tp_clock_init(void) {
    start_crystal();
    leave_pll();
    start_pll();
    CLK_SYS_CTRL = 1; /* AUXSRC: PLL_SYS, SRC: AUX */
    while (!(CLK_SYS_SELECTED & 1u << 1)) {
    }
    CLK_PERI_CTRL = 1u << 11; /* ENABLE, AUXSRC: clk_sys */
    START_TICKS;
    start_blocks(IO_BANK0_RESET | PADS_BANK0_RESET | TIMER_RESET | UART_RESET);
}
