/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* nRF5340, application core in the secure state that reset leaves: where its peripherals are, and what is its alone.
 * nRF5340 Product Specification, chapters Instantiation, CACHE and CLOCK; bsp/stable/mdk/nrf5340_application.svd in
 * Nordic's nrfx. UARTE and GPIO have the registers of the nRF52's, GPIO from another base. */
#ifndef TP_CHIP_H
#define TP_CHIP_H

#include <stdint.h>

#define CLOCK 0x50005000u
#define UARTE0 0x50008000u
#define GPIO(port) (0x50842500u + 0x300u * (port))

enum { UARTE0_INTERRUPT = 8 };

static inline void tp_chip_init(void) {
    *(volatile uint32_t *)0x50005558 = 1; /* CLOCK.HFCLKCTRL: 128 MHz / 2, as after reset but for early chips (erratum 42) */
    *(volatile uint32_t *)0x50001500 = 1; /* CACHE.ENABLE */
}

#endif
