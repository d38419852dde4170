/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* nRF5340, application core in the secure state that reset leaves: where its peripherals are, and what is its alone.
 * nRF5340 Product Specification, chapters Instantiation, FICR, CTRL-AP, CACHE and CLOCK;
 * bsp/stable/mdk/nrf5340_application.svd in Nordic's nrfx. UARTE and GPIO have the registers of the nRF52's, GPIO from
 * another base. Engineering samples (revision 2) need more than this: errata 4, 42 and 64. */
#ifndef TP_CHIP_H
#define TP_CHIP_H

#include <stdint.h>

#include "board.h"

#define CLOCK 0x50005000u
#define UARTE 0x50008000u
#define GPIO(port) (0x50842500u + 0x300u * (port))

enum { UARTE_INTERRUPT = 8 };

#define CHIP_REGISTER(address) (*(volatile uint32_t *)(address))
#define TRIM_ADDRESS(i) CHIP_REGISTER(0x00FF0300u + 8u * (i)) /* FICR.TRIMCNF[i].ADDR */
#define TRIM_DATA(i) CHIP_REGISTER(0x00FF0304u + 8u * (i))

_Static_assert(TP_CPU_CLOCK_HZ == 128000000u || TP_CPU_CLOCK_HZ == 64000000u, "cpu.clock_hz must be 128 or 64 MHz");

/* What the factory measured of this chip goes to the registers that it is for, up to the first unused pair. */
static inline void tp_chip_trim(void) {
    for (uint32_t i = 0; i < 32 && TRIM_ADDRESS(i) != UINT32_MAX; i++) {
        CHIP_REGISTER(TRIM_ADDRESS(i)) = TRIM_DATA(i);
    }
}

/* The debug port is closed from reset until the firmware repeats what UICR says of it; a probe could then program the
 * board only by erasing it all. */
static inline void tp_chip_open_debug_port(void) {
    CHIP_REGISTER(0x50006544) = CHIP_REGISTER(0x00FF8000); /* CTRLAP.APPROTECT.DISABLE = UICR.APPROTECT */
    CHIP_REGISTER(0x5000654C) = CHIP_REGISTER(0x00FF801C); /* the same of SECUREAPPROTECT */
}

static inline void tp_chip_init(void) {
    tp_chip_trim();
    tp_chip_open_debug_port();
    CHIP_REGISTER(0x50005558) = TP_CPU_CLOCK_HZ == 64000000u; /* CLOCK.HFCLKCTRL: 128 MHz, or half of it */
    CHIP_REGISTER(0x50001500) = 1;                            /* CACHE.ENABLE */
}

#endif
