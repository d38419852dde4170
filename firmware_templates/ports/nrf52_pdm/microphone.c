/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The PDM peripheral of the nRF52833 and nRF52840: two buffers that EasyDMA fills in turn, at 16 kHz.
 *
 * nRF52840 Product Specification, chapter PDM: SAMPLE.PTR is taken over when a buffer begins (EVENTS_STARTED), so the next
 * one has to stand there before the present one is full (EVENTS_END). The clock is as ArduinoCore-mbed's PDM library sets
 * it: 1.28 MHz / 80, mono on the falling edge. GAINL and GAINR count half decibels from -20 dB on.
 */
#include "microphone.h"

#include "chip.h"
#include "microphone_pins.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define PDM 0x4001D000u
#define PDM_TASKS_START REGISTER(PDM + 0x000)
#define PDM_TASKS_STOP REGISTER(PDM + 0x004)
#define PDM_EVENTS_STARTED REGISTER(PDM + 0x100)
#define PDM_EVENTS_STOPPED REGISTER(PDM + 0x104)
#define PDM_EVENTS_END REGISTER(PDM + 0x108)
#define PDM_INTENSET REGISTER(PDM + 0x304)
#define PDM_ENABLE REGISTER(PDM + 0x500)
#define PDM_PDMCLKCTRL REGISTER(PDM + 0x504)
#define PDM_MODE REGISTER(PDM + 0x508)
#define PDM_GAINL REGISTER(PDM + 0x518)
#define PDM_GAINR REGISTER(PDM + 0x51C)
#define PDM_RATIO REGISTER(PDM + 0x520)
#define PDM_PSEL_CLK REGISTER(PDM + 0x540)
#define PDM_PSEL_DIN REGISTER(PDM + 0x544)
#define PDM_SAMPLE_PTR REGISTER(PDM + 0x560)
#define PDM_SAMPLE_MAXCNT REGISTER(PDM + 0x564)
#define GPIO_OUTSET(port) REGISTER(GPIO(port) + 0x008)
#define GPIO_OUTCLR(port) REGISTER(GPIO(port) + 0x00C)
#define GPIO_PIN_CNF(port, pin) REGISTER(GPIO(port) + 0x200 + 4 * (pin))
#define NVIC_ISER REGISTER(0xE000E100)
#define NVIC_ICPR REGISTER(0xE000E280)

enum { PDM_INTERRUPT = 29, END = 1 << 2 /* of INTENSET */, OUTPUT = 3, INPUT = 0, MONO = 1, RATIO_80 = 1 };
enum { CLOCK_1280_KHZ = 0x0A000000 };

static int16_t buffers[2][TP_MICROPHONE_SAMPLES];
static uint32_t taken; /* the buffer that is, or will be, taken next */

static void set_up(void) {
    GPIO_PIN_CNF(LIGHT_PORT, LIGHT_PIN) = OUTPUT;
    GPIO_OUTSET(POWER_PORT) = 1u << POWER_PIN;
    GPIO_PIN_CNF(POWER_PORT, POWER_PIN) = OUTPUT;
    GPIO_OUTCLR(CLOCK_PORT) = 1u << CLOCK_PIN;
    GPIO_PIN_CNF(CLOCK_PORT, CLOCK_PIN) = OUTPUT;
    GPIO_PIN_CNF(DATA_PORT, DATA_PIN) = INPUT;
    PDM_PSEL_CLK = CLOCK_PORT << 5 | CLOCK_PIN;
    PDM_PSEL_DIN = DATA_PORT << 5 | DATA_PIN;
    PDM_PDMCLKCTRL = CLOCK_1280_KHZ;
    PDM_RATIO = RATIO_80;
    PDM_MODE = MONO;
    PDM_GAINL = TP_MICROPHONE_GAIN;
    PDM_GAINR = TP_MICROPHONE_GAIN;
    PDM_INTENSET = END;
    NVIC_ISER = 1u << PDM_INTERRUPT; /* masked by PRIMASK: it wakes the core and is never taken */
    PDM_ENABLE = 1;
}

static void fill_next(uint32_t buffer) { PDM_SAMPLE_PTR = (uint32_t)(uintptr_t)buffers[buffer]; }

void tp_microphone_start(void) {
    if (PDM_ENABLE == 0) {
        set_up();
    } else {
        tp_microphone_stop();
    }
    taken = 0;
    PDM_EVENTS_END = 0;
    PDM_EVENTS_STARTED = 0;
    fill_next(0);
    PDM_SAMPLE_MAXCNT = TP_MICROPHONE_SAMPLES;
    PDM_TASKS_START = 1;
    while (PDM_EVENTS_STARTED == 0) {
    }
    fill_next(1);
}

void tp_microphone_stop(void) {
    PDM_EVENTS_STOPPED = 0;
    PDM_TASKS_STOP = 1;
    while (PDM_EVENTS_STOPPED == 0) {
    }
}

const int16_t *tp_microphone_take(void) {
    if (PDM_EVENTS_END == 0) {
        return 0;
    }
    PDM_EVENTS_END = 0;
    __asm__ volatile("dmb" ::: "memory"); /* the DMA has written before they are read */
    return buffers[taken];
}

bool tp_microphone_give_back(void) {
    if (PDM_EVENTS_END != 0) {
        return false; /* the other buffer has been filled, and is being filled again */
    }
    fill_next(taken);
    taken ^= 1;
    return true;
}

void tp_microphone_sleep(void) {
    __asm__ volatile("wfi");
    NVIC_ICPR = 1u << PDM_INTERRUPT | 1u << UARTE_INTERRUPT;
}

extern uint8_t __bss_end[], __ram_end[]; /* of the linker script */

void *tp_microphone_spare_ram(size_t bytes) {
    return (uintptr_t)__ram_end - (uintptr_t)__bss_end >= bytes ? __bss_end : 0;
}

void tp_light(bool on) {
    if (on) {
        GPIO_OUTSET(LIGHT_PORT) = 1u << LIGHT_PIN;
    } else {
        GPIO_OUTCLR(LIGHT_PORT) = 1u << LIGHT_PIN;
    }
}
