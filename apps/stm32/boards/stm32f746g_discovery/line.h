/* line.h: text by USART1 to the virtual port of ST-Link. It waits in a buffer, and goes out while sound is worked on. */
#ifndef LINE_H
#define LINE_H

void line_open(unsigned bus_hz);

/* Wait until all is out, whether or not there are interrupts. */
void line_drain(void);

#endif
