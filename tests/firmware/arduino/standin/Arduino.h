/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * A thin stand-in of the Arduino API: what our sketches use of it, with the signatures of ArduinoCore-API, over the port of
 * a board of ours. With it sketches are compiled strictly and run in the emulator. */
#ifndef STANDIN_ARDUINO_H
#define STANDIN_ARDUINO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern "C" void *memcpy(void *to, const void *from, size_t bytes); /* Arduino.h brings <string.h> */

unsigned long micros();
unsigned long millis();
void delay(unsigned long ms);

enum { LOW = 0, HIGH = 1, OUTPUT = 1, LED_BUILTIN = 13 };
void pinMode(int pin, int mode);
void digitalWrite(int pin, int value);
void noInterrupts();
void interrupts();

void setup();
void loop();

class StandInSerial {
  public:
    void begin(unsigned long baud);
    explicit operator bool() const { return begun; }
    int available();
    int read();
    size_t write(uint8_t byte);
    size_t write(const uint8_t *bytes, size_t count);
    void flush();
    size_t print(const char *text);
    size_t print(int number);
    size_t println(const char *text);
    bool ended() const { return pending == END; }

  private:
    static constexpr int NOTHING = -1, END = -2;
    bool begun = false;
    int pending = NOTHING;
};

extern StandInSerial Serial;

#endif
