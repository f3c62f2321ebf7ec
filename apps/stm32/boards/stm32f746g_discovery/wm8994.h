/* wm8994.h: the codec of the board: two digital microphones to one end of a wire, headphones at the other. */
#ifndef WM8994_H
#define WM8994_H

/* Prepare the wires to it. */
void wm8994_open(void);

/* Let it sound at 16 kHz; its clock must run. Returns 0, or a sentence about what is wrong. */
const char *wm8994_start(void);

#endif
