/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* nRF52833 and nRF52840: UARTE0 on the board's pins (pins.h), DWT cycle counter as the clock.
 *
 * Registers: nRF52840 Product Specification, chapters NVMC, CLOCK, GPIO and UARTE; machine-readable as
 * bsp/stable/mdk/nrf52840.svd and nrf52833.svd in Nordic's nrfx, which agree on all that is used here. DWT and DEMCR:
 * Armv7-M Architecture Reference Manual (DDI 0403E), C1.8 and C1.6.
 */
#include "port.h"

#include "board.h"
#include "pins.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* CLOCK */
#define CLOCK_TASKS_HFCLKSTART REGISTER(0x40000000)
#define CLOCK_EVENTS_HFCLKSTARTED REGISTER(0x40000100)
/* NVMC */
#define NVMC_ICACHECNF REGISTER(0x4001E540)
/* GPIO ports 0 and 1 */
#define GPIO_OUTSET(port) REGISTER(0x50000508u + 0x300u * (port))
#define GPIO_PIN_CNF(port, pin) REGISTER(0x50000700u + 0x300u * (port) + 4u * (pin))
#define PIN_SELECT(port, pin) ((port) << 5 | (pin))
/* UARTE0 */
#define UARTE_TASKS_STARTRX REGISTER(0x40002000)
#define UARTE_TASKS_STOPRX REGISTER(0x40002004)
#define UARTE_TASKS_STARTTX REGISTER(0x40002008)
#define UARTE_EVENTS_ENDRX REGISTER(0x40002110)
#define UARTE_EVENTS_ENDTX REGISTER(0x40002120)
#define UARTE_EVENTS_RXTO REGISTER(0x40002144)
#define UARTE_EVENTS_RXSTARTED REGISTER(0x4000214C)
#define UARTE_ENABLE REGISTER(0x40002500)
#define UARTE_PSEL_TXD REGISTER(0x4000250C)
#define UARTE_PSEL_RXD REGISTER(0x40002514)
#define UARTE_BAUDRATE REGISTER(0x40002524)
#define UARTE_RXD_PTR REGISTER(0x40002534)
#define UARTE_RXD_MAXCNT REGISTER(0x40002538)
#define UARTE_TXD_PTR REGISTER(0x40002544)
#define UARTE_TXD_MAXCNT REGISTER(0x40002548)
#define UARTE_CONFIG REGISTER(0x4000256C)
/* Core */
#define DWT_CTRL REGISTER(0xE0001000)
#define DWT_CYCCNT REGISTER(0xE0001004)
#define DEMCR REGISTER(0xE000EDFC)

enum { CYCLES_PER_US = TP_CPU_CLOCK_HZ / 1000000u, TX_BYTES = 64 };

/* EasyDMA reads and writes RAM only, so text from flash is copied here first. */
static uint8_t tx_bytes[TX_BYTES];
static size_t tx_count;
static volatile uint8_t rx_byte;
static uint64_t cycles;

static void start_clocks(void) {
    CLOCK_EVENTS_HFCLKSTARTED = 0;
    CLOCK_TASKS_HFCLKSTART = 1; /* the crystal: the internal oscillator is too inaccurate for 115200 baud */
    while (CLOCK_EVENTS_HFCLKSTARTED == 0) {
    }
    NVMC_ICACHECNF = 1;
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
    UARTE_TASKS_STARTRX = 1;
}

void tp_port_init(void) {
    start_clocks();
    start_uart();
}

/* One byte a transfer: between two transfers the receiver's FIFO holds the bytes that follow. */
int tp_port_read(void) {
    while (UARTE_EVENTS_ENDRX == 0) {
        (void)tp_port_time_us();
    }
    UARTE_EVENTS_ENDRX = 0;
    const int byte = rx_byte;
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

/* CYCCNT wraps every 67 s at 64 MHz: the differences add up to 64 bits if this is called once in that time. */
uint64_t tp_port_time_us(void) {
    cycles += (uint32_t)(DWT_CYCCNT - (uint32_t)cycles);
    return cycles / CYCLES_PER_US;
}
