// SPDX-License-Identifier: Apache-2.0
// Copyright The tinyprune authors
//
// The stand-in's Serial and clock over the functions of a port of ours, which the build renames from tp_port_ to board_: sketches
// define the former themselves.
#include "Arduino.h"

#include "PDM.h"

extern "C" {
void board_init(void);
int board_read(void);
void board_write(const char *bytes, size_t count);
void board_flush(void);
uint64_t board_time_us(void);
}

StandInSerial Serial;

void StandInSerial::begin(unsigned long baud) { begun = baud == 115200; }

// Waits for a byte where a real one would say 0: an emulator need not run a loop that polls.
int StandInSerial::available() {
    if (pending == NOTHING) {
        const int byte = board_read();
        pending = byte < 0 ? END : byte;
    }
    return pending >= 0 ? 1 : 0;
}

int StandInSerial::read() {
    const int byte = available() > 0 ? pending : -1;
    if (byte >= 0) {
        pending = NOTHING;
    }
    return byte;
}

size_t StandInSerial::write(uint8_t byte) { return write(&byte, 1); }

size_t StandInSerial::write(const uint8_t *bytes, size_t count) {
    board_write(reinterpret_cast<const char *>(bytes), count);
    return count;
}

size_t StandInSerial::print(const char *text) {
    size_t count = 0;
    while (text[count] != '\0') {
        count++;
    }
    return write(reinterpret_cast<const uint8_t *>(text), count);
}

size_t StandInSerial::print(int number) {
    const size_t signs = number < 0 ? print("-") : 0;
    const unsigned magnitude = number < 0 ? 0u - static_cast<unsigned>(number) : static_cast<unsigned>(number);
    const size_t digits = magnitude >= 10 ? print(static_cast<int>(magnitude / 10)) : 0;
    return signs + digits + write(static_cast<uint8_t>('0' + magnitude % 10));
}

size_t StandInSerial::println(const char *text) {
    const size_t count = print(text) + print("\r\n");
    flush();
    return count;
}

void StandInSerial::flush() { board_flush(); }

unsigned long micros() { return static_cast<unsigned long>(board_time_us()); }

unsigned long millis() { return static_cast<unsigned long>(board_time_us() / 1000); }

void delay(unsigned long) {}

static bool led;

void pinMode(int, int) {}

// A change of the LED is told between brackets, for tests to see.
void digitalWrite(int pin, int value) {
    if (pin == LED_BUILTIN && led != (value == HIGH)) {
        led = value == HIGH;
        Serial.println(led ? "[LED on]" : "[LED off]");
    }
}

void noInterrupts() {}
void interrupts() {}

StandInPDM PDM;

int StandInPDM::begin(int channels, int rate) {
    begun = channels == 1 && rate == 16000 && gain >= 0 && tries++ == 2;
    return begun ? 1 : 0;
}

int StandInPDM::available() { return static_cast<int>(filled - given); }

int StandInPDM::read(void *buffer, size_t size) {
    uint8_t *to = static_cast<uint8_t *>(buffer);
    size_t count = 0;
    for (; count < size && given < filled; count++) {
        to[count] = bytes[given++];
    }
    return static_cast<int>(count);
}

bool StandInPDM::deliver() {
    if (!begun) {
        return true;
    }
    given = 0;
    for (filled = 0; filled < sizeof bytes; filled++) {
        const int byte = board_read();
        if (byte < 0) {
            return false;
        }
        bytes[filled] = static_cast<uint8_t>(byte);
    }
    if (received != nullptr) {
        received();
    }
    return true;
}

extern "C" int main() { // start-up code is C, and a freestanding compiler gives main no meaning of its own
    board_init();
    setup();
    while (!Serial.ended() && PDM.deliver()) {
        loop();
    }
    return 0;
}
