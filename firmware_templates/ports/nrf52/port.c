/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* Nordic's nRF52, nRF53 and nRF54L: a UARTE on the board's pins (pins.h), DWT cycle counter as the clock. chip.h has the
 * peripherals' addresses, uarte.h the registers that are not in the same places everywhere.
 *
 * Registers: nRF52840, nRF5340 and nRF54L15 Product Specifications, chapters CLOCK, GPIO and UARTE. DWT and DEMCR: Armv7-M
 * Architecture Reference Manual (DDI 0403E), C1.8 and C1.6, the same in Armv8-M (DDI 0553).
 */
#include "port.h"

#include <stdbool.h>

#include "board.h"
#include "chip.h"
#include "pins.h"
#include "uarte.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* CLOCK: the crystal oscillator */
#define CLOCK_TASKS_START REGISTER(CLOCK + 0x000)
#define CLOCK_EVENTS_STARTED REGISTER(CLOCK + 0x100)
#define PIN_SELECT(port, pin) ((port) << 5 | (pin))
/* Core */
#define DWT_CTRL REGISTER(0xE0001000)
#define DWT_CYCCNT REGISTER(0xE0001004)
#define NVIC_ISER(n) REGISTER(0xE000E100 + 4 * (n))
#define NVIC_ICPR(n) REGISTER(0xE000E280 + 4 * (n))
#define DEMCR REGISTER(0xE000EDFC)

enum { CYCLES_PER_US = TP_CPU_CLOCK_HZ / 1000000u, TX_BYTES = 64 };

/* EasyDMA reads and writes RAM only, so text from flash is copied here first. */
static uint8_t tx_bytes[TX_BYTES];
static size_t tx_count;
static volatile uint8_t rx_byte;
static uint64_t cycles;

static void start_clocks(void) {
    tp_chip_init();
    CLOCK_EVENTS_STARTED = 0;
    CLOCK_TASKS_START = 1; /* the crystal: the internal oscillator is too inaccurate for 115200 baud */
    while (CLOCK_EVENTS_STARTED == 0) {
    }
    DEMCR |= 1u << 24; /* TRCENA: powers the DWT */
    DWT_CYCCNT = 0;
    DWT_CTRL |= 1; /* CYCCNTENA */
}

/* The Arduino bootloader hands over a UARTE that receives at 9600 baud, by DMA into what is now our RAM. */
static void stop_bootloader_uart(void) {
    if (UARTE_ENABLE != 0 && UARTE_EVENTS_RXSTARTED != 0) {
        UARTE_EVENTS_RXTO = 0;
        UARTE_TASKS_STOPRX = 1;
        while (UARTE_EVENTS_RXTO == 0) {
        }
    }
    UARTE_ENABLE = 0; /* the pins can be selected only while it is off */
}

static void start_uart(void) {
    GPIO_OUTSET(TX_PORT) = 1u << TX_PIN;     /* idle level, whenever the UARTE does not drive the pin */
    GPIO_PIN_CNF(TX_PORT, TX_PIN) = 3;       /* output, input buffer disconnected */
    GPIO_PIN_CNF(RX_PORT, RX_PIN) = 3u << 2; /* input with pull-up: an open pin must not look like a start bit */
    stop_bootloader_uart();
    UARTE_PSEL_TXD = PIN_SELECT(TX_PORT, TX_PIN);
    UARTE_PSEL_RXD = PIN_SELECT(RX_PORT, RX_PIN);
    UARTE_BAUDRATE = 0x01D60000; /* 115200 */
    UARTE_CONFIG = UARTE_CONFIG_8N1;
    UARTE_ENABLE = 8;
    UARTE_RXD_PTR = (uint32_t)(uintptr_t)&rx_byte;
    UARTE_RXD_MAXCNT = 1;
    UARTE_EVENTS_ENDRX = 0;
    UARTE_INTENCLR = UINT32_MAX;
    UARTE_INTENSET = UARTE_INT_ENDRX;
    NVIC_ISER(UARTE_INTERRUPT / 32) = 1u << UARTE_INTERRUPT % 32; /* masked by PRIMASK since reset: it wakes the core and is never taken */
    UARTE_TASKS_STARTRX = 1;
}

void tp_port_init(void) {
    start_clocks();
    start_uart();
}

/* For firmware that listens to a microphone meanwhile. */
bool tp_port_has_byte(void);
bool tp_port_has_byte(void) { return UARTE_EVENTS_ENDRX != 0; }

/* One byte a transfer: between two transfers the receiver's FIFO holds the bytes that follow. */
int tp_port_read(void) {
    while (UARTE_EVENTS_ENDRX == 0) {
        (void)tp_port_time_us();
        __asm__ volatile("wfi");
        NVIC_ICPR(UARTE_INTERRUPT / 32) = 1u << UARTE_INTERRUPT % 32;
    }
    const int byte = rx_byte;
    UARTE_EVENTS_ENDRX = 0;
    UARTE_TASKS_STARTRX = 1;
    return byte;
}

void tp_port_write(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (tx_count == TX_BYTES) {
            tp_port_flush();
        }
        tx_bytes[tx_count++] = (uint8_t)bytes[i];
    }
}

void tp_port_flush(void) {
    if (tx_count == 0) {
        return;
    }
    UARTE_TXD_PTR = (uint32_t)(uintptr_t)tx_bytes;
    UARTE_TXD_MAXCNT = (uint32_t)tx_count;
    UARTE_EVENTS_ENDTX = 0;
    __asm__ volatile("dmb" ::: "memory"); /* tx_bytes is written before the DMA reads it */
    UARTE_TASKS_STARTTX = 1;
    while (UARTE_EVENTS_ENDTX == 0) {
    }
    tx_count = 0;
}

/* CYCCNT wraps every 67 s at 64 MHz: the differences add up to 64 bits if this is called once in that time. It stands
 * while the core sleeps, unless a debugger is attached: the time is that of being awake. */
uint64_t tp_port_time_us(void) {
    cycles += (uint32_t)(DWT_CYCCNT - (uint32_t)cycles);
    return cycles / CYCLES_PER_US;
}
