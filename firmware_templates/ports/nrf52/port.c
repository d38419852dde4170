/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* Nordic's nRF52 and nRF53: UARTE0 on the board's pins (pins.h), DWT cycle counter as the clock. chip.h has the addresses.
 *
 * Registers: nRF52840 and nRF5340 Product Specifications, chapters CLOCK, GPIO and UARTE. DWT and DEMCR: Armv7-M
 * Architecture Reference Manual (DDI 0403E), C1.8 and C1.6, the same in Armv8-M (DDI 0553).
 */
#include "port.h"

#include <stdbool.h>

#include "board.h"
#include "chip.h"
#include "pins.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* CLOCK */
#define CLOCK_TASKS_HFCLKSTART REGISTER(CLOCK + 0x000)
#define CLOCK_EVENTS_HFCLKSTARTED REGISTER(CLOCK + 0x100)
/* GPIO */
#define GPIO_OUTSET(port) REGISTER(GPIO(port) + 0x008)
#define GPIO_PIN_CNF(port, pin) REGISTER(GPIO(port) + 0x200 + 4 * (pin))
#define PIN_SELECT(port, pin) ((port) << 5 | (pin))
/* UARTE0 */
#define UARTE_TASKS_STARTRX REGISTER(UARTE0 + 0x000)
#define UARTE_TASKS_STOPRX REGISTER(UARTE0 + 0x004)
#define UARTE_TASKS_STARTTX REGISTER(UARTE0 + 0x008)
#define UARTE_EVENTS_ENDRX REGISTER(UARTE0 + 0x110)
#define UARTE_EVENTS_ENDTX REGISTER(UARTE0 + 0x120)
#define UARTE_EVENTS_RXTO REGISTER(UARTE0 + 0x144)
#define UARTE_EVENTS_RXSTARTED REGISTER(UARTE0 + 0x14C)
#define UARTE_INTENSET REGISTER(UARTE0 + 0x304)
#define UARTE_INTENCLR REGISTER(UARTE0 + 0x308)
#define UARTE_ENABLE REGISTER(UARTE0 + 0x500)
#define UARTE_PSEL_TXD REGISTER(UARTE0 + 0x50C)
#define UARTE_PSEL_RXD REGISTER(UARTE0 + 0x514)
#define UARTE_BAUDRATE REGISTER(UARTE0 + 0x524)
#define UARTE_RXD_PTR REGISTER(UARTE0 + 0x534)
#define UARTE_RXD_MAXCNT REGISTER(UARTE0 + 0x538)
#define UARTE_TXD_PTR REGISTER(UARTE0 + 0x544)
#define UARTE_TXD_MAXCNT REGISTER(UARTE0 + 0x548)
#define UARTE_CONFIG REGISTER(UARTE0 + 0x56C)
/* Core */
#define DWT_CTRL REGISTER(0xE0001000)
#define DWT_CYCCNT REGISTER(0xE0001004)
#define NVIC_ISER REGISTER(0xE000E100)
#define NVIC_ICPR REGISTER(0xE000E280)
#define DEMCR REGISTER(0xE000EDFC)

enum { END_RX = 1 << 4 }; /* of INTENSET */
enum { CYCLES_PER_US = TP_CPU_CLOCK_HZ / 1000000u, TX_BYTES = 64 };

/* EasyDMA reads and writes RAM only, so text from flash is copied here first. */
static uint8_t tx_bytes[TX_BYTES];
static size_t tx_count;
static volatile uint8_t rx_byte;
static uint64_t cycles;

static void start_clocks(void) {
    tp_chip_init();
    CLOCK_EVENTS_HFCLKSTARTED = 0;
    CLOCK_TASKS_HFCLKSTART = 1; /* the crystal: the internal oscillator is too inaccurate for 115200 baud */
    while (CLOCK_EVENTS_HFCLKSTARTED == 0) {
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
    UARTE_CONFIG = 0;            /* no flow control, no parity, one stop bit */
    UARTE_ENABLE = 8;
    UARTE_RXD_PTR = (uint32_t)(uintptr_t)&rx_byte;
    UARTE_RXD_MAXCNT = 1;
    UARTE_EVENTS_ENDRX = 0;
    UARTE_INTENCLR = UINT32_MAX;
    UARTE_INTENSET = END_RX;
    NVIC_ISER = 1u << UARTE0_INTERRUPT; /* masked by PRIMASK since reset: it wakes the core and is never taken */
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
        NVIC_ICPR = 1u << UARTE0_INTERRUPT;
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
