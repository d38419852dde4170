/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32L4 and L4+ from reset (MSI, 4 MHz), and G4 from reset (HSI16), to the PLL. RM0432 and RM0440, chapters PWR (dynamic
 * voltage scaling, range 1 boost mode), FLASH (read access latency) and RCC (clocks). */
#include "stm32.h"

#define RCC_CR REGISTER(0x40021000)
#define RCC_CFGR REGISTER(0x40021008)
#define RCC_PLLCFGR REGISTER(0x4002100C)
#define PWR_CR2 REGISTER(0x40007004)
#define PWR_CR5 REGISTER(0x40007080)
#define FLASH_ACR REGISTER(0x40022000)

/* The PLL: SOURCE / PLLM = 4 or 8 MHz, × PLLN = 2 × the core's clock, / PLLR = 2. */
#define PLL_INPUT_HZ (SOURCE_CLOCK_HZ % (8 * MHZ) == 0 && CPU_CLOCK_HZ % (4 * MHZ) == 0 ? 8 * MHZ : 4 * MHZ)
#define PLLM (SOURCE_CLOCK_HZ / PLL_INPUT_HZ)
#define PLLN (2 * CPU_CLOCK_HZ / PLL_INPUT_HZ)
_Static_assert(SOURCE_CLOCK_HZ % PLL_INPUT_HZ == 0 && PLLM >= 1 && PLLM <= PLLM_MAX && SOURCE_CLOCK_HZ <= 48 * MHZ,
               "clock.hz must be a multiple of 4 MHz, and at most 48 MHz");
_Static_assert(2 * CPU_CLOCK_HZ % PLL_INPUT_HZ == 0 && PLLN >= 8 && PLLN <= PLLN_MAX,
               "the PLL cannot make cpu.clock_hz of clock.hz");
_Static_assert(CPU_CLOCK_HZ > 48 * MHZ && CPU_CLOCK_HZ <= CPU_CLOCK_MAX_HZ,
               "cpu.clock_hz must be above 48 MHz and at most 120 (L4+) or 170 MHz (G4)");

#if defined SOURCE_IS_INTERNAL
_Static_assert(SOURCE_CLOCK_HZ == 16 * MHZ, "the internal clock, HSI16, has 16 MHz");
enum { SOURCE_ON = 1 << 8, SOURCE_READY = 1 << 10, PLLSRC = 2 }; /* HSION, HSIRDY, HSI16 */
#elif defined SOURCE_IS_CRYSTAL
enum { SOURCE_ON = 1 << 16, SOURCE_READY = 1 << 17, PLLSRC = 3 }; /* HSEON, HSERDY, HSE */
#else
enum { SOURCE_ON = 1 << 18 | 1 << 16, SOURCE_READY = 1 << 17, PLLSRC = 3 }; /* HSEBYP, HSEON, HSERDY, HSE */
#endif

static void start_power(void) {
    RCC_APB1ENR1 |= 1u << 28; /* PWREN */
    (void)RCC_APB1ENR1;
    if (PORT_G_HAS_OWN_SUPPLY && (TX_PORT == 'G' - 'A' || RX_PORT == 'G' - 'A')) {
        PWR_CR2 |= 1u << 9; /* IOSV: PG2 to PG15 have a supply of their own, VDDIO2 */
    }
    if (BOOST) {
        PWR_CR5 &= ~(1u << 8); /* R1MODE = 0: range 1 boost mode; range 1 itself is what reset leaves */
    }
}

static void start_pll(void) {
    RCC_CR |= SOURCE_ON;
    while (!(RCC_CR & SOURCE_READY)) {
    }
    RCC_PLLCFGR = 1u << 24 | PLLN << 8 | (PLLM - 1) << 4 | PLLSRC; /* PLLREN; PLLR = 0: / 2 */
    RCC_CR |= 1u << 24;                                           /* PLLON */
    while (!(RCC_CR & 1u << 25)) {                                /* PLLRDY */
    }
}

void tp_clock_init(void) {
    start_power();
    start_pll();
    const uint32_t access = 1u << 10 | 1u << 9 | 1u << 8 | WAIT_STATES; /* DCEN, ICEN, PRFTEN, LATENCY */
    FLASH_ACR = access;
    while (FLASH_ACR != access) {
    }
    RCC_CFGR = 8u << 4 | 3; /* HPRE: AHB / 2, for the step above 80 MHz is too big in one; SW: PLL */
    while ((RCC_CFGR & 0xC) != 0xC) { /* SWS */
    }
    for (uint32_t i = 0; i < CPU_CLOCK_HZ / MHZ; i++) { /* at least 1 µs */
        __asm__ volatile("nop");
    }
    RCC_CFGR = 3; /* HPRE, PPRE1, PPRE2: all buses at the core's clock */
}
