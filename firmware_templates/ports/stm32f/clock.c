/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32F4 and F7 from reset (HSI, 16 MHz) to the PLL, or, with the source "reset", no further. RM0090: 5.1 power, 3.5 flash,
 * 7.2 clocks; RM0410: 4.1, 3.3, 5.2. Reset leaves the voltage regulator in scale 1 (PWR_CR.VOS, PWR_CR1.VOS), which full speed
 * needs. */
#include "stm32.h"
#if CORE_HAS_CACHES
#include "caches.h"
#endif

#ifdef SOURCE_IS_RESET
_Static_assert(SOURCE_CLOCK_HZ == 16 * MHZ && CPU_CLOCK_HZ == SOURCE_CLOCK_HZ,
               "reset leaves HSI, so both clocks have 16 MHz");

/* HSI runs, drives the core and all buses, and flash needs no wait state: RM0090, 7.3.1, 7.3.3 and table 10. */
void tp_clock_init(void) {}
#else

#define RCC_CR REGISTER(0x40023800)
#define RCC_PLLCFGR REGISTER(0x40023804)
#define RCC_CFGR REGISTER(0x40023808)
#define PWR_CR REGISTER(0x40007000)  /* F7: PWR_CR1 */
#define PWR_CSR REGISTER(0x40007004) /* F7: PWR_CSR1 */
#define FLASH_ACR REGISTER(0x40023C00)

/* The PLL: SOURCE / PLLM = 2 MHz (against jitter) or 1 MHz, × PLLN = 2 × the core's clock, / PLLP = 2. */
#define PLL_INPUT_HZ (SOURCE_CLOCK_HZ % (2 * MHZ) == 0 ? 2 * MHZ : MHZ)
#define PLLM (SOURCE_CLOCK_HZ / PLL_INPUT_HZ)
#define PLLN (2 * CPU_CLOCK_HZ / PLL_INPUT_HZ)
_Static_assert(SOURCE_CLOCK_HZ % MHZ == 0 && PLLM >= 2 && PLLM <= 63, "clock.hz must be whole MHz, 4 to 50");
_Static_assert(CPU_CLOCK_HZ >= 96 * MHZ && CPU_CLOCK_HZ <= CPU_CLOCK_MAX_HZ,
               "cpu.clock_hz is beyond what the PLL is set up for");
/* For USB's 48 MHz or less; must be at least 2 even unused. */
#define PLLQ ((2 * CPU_CLOCK_HZ + 48 * MHZ - 1) / (48 * MHZ))

/* At 2.7 V or more: RM0090, table 10; RM0410, table 7. */
#define WAIT_STATES ((CPU_CLOCK_HZ - 1) / (30 * MHZ))

#if defined SOURCE_IS_INTERNAL
_Static_assert(SOURCE_CLOCK_HZ == 16 * MHZ, "the internal clock, HSI, has 16 MHz");
enum { SOURCE_ON = 1 << 0, SOURCE_READY = 1 << 1, PLLSRC = 0 }; /* HSION, HSIRDY, HSI */
#elif defined SOURCE_IS_CRYSTAL
enum { SOURCE_ON = 1 << 16, SOURCE_READY = 1 << 17, PLLSRC = 1 << 22 }; /* HSEON, HSERDY, HSE */
#else
enum { SOURCE_ON = 1 << 18 | 1 << 16, SOURCE_READY = 1 << 17, PLLSRC = 1 << 22 }; /* HSEBYP, HSEON, HSERDY, HSE */
#endif

static void start_pll(void) {
    RCC_CR |= SOURCE_ON;
    while (!(RCC_CR & SOURCE_READY)) {
    }
    /* PLLP = 0: / 2. The highest bits keep what reset gives them: PLLR on the F7. */
    RCC_PLLCFGR = (RCC_PLLCFGR & 0xF0000000) | PLLQ << 24 | PLLSRC | PLLN << 6 | PLLM;
    RCC_CR |= 1u << 24; /* PLLON */
}

/* While the PLL locks: RM0410, 4.1.4, entering the over-drive mode. */
static void start_overdrive(void) {
    PWR_CR |= 1u << 16;               /* ODEN */
    while (!(PWR_CSR & 1u << 16)) {   /* ODRDY */
    }
    PWR_CR |= 1u << 17;               /* ODSWEN */
    while (!(PWR_CSR & 1u << 17)) {   /* ODSWRDY */
    }
}

void tp_clock_init(void) {
    RCC_APB1ENR |= 1u << 28; /* PWREN */
    (void)RCC_APB1ENR;
    start_pll();
    if (NEEDS_OVERDRIVE) {
        start_overdrive();
    }
    FLASH_ACR = FLASH_ACR_FLAGS | WAIT_STATES;
    while ((FLASH_ACR & 0xF) != WAIT_STATES) { /* LATENCY alone: RM0090, 3.5.1; Renode keeps no other bit */
    }
    while (!(RCC_CR & 1u << 25)) { /* PLLRDY */
    }
    RCC_CFGR = 4u << 13 | 5u << 10;     /* PPRE2: APB2 / 2, PPRE1: APB1 / 4; HPRE: AHB / 1 */
    RCC_CFGR = 4u << 13 | 5u << 10 | 2; /* SW: PLL */
    while ((RCC_CFGR & 0xC) != 0x8) {   /* SWS */
    }
#if CORE_HAS_CACHES
    tp_caches_init();
#endif
}
#endif
