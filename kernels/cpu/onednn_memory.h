// What oneDNN does without memory.
#pragma once

namespace encore::cpu {

// oneDNN writes its generated code through a null pointer where it gets no memory for it. After this call such a fault
// ends the program with one line and 70, as other calls without memory do, instead of by SIGSEGV. Other faults stay as
// they are. May be called more than once.
void report_onednn_without_memory();

}  // namespace encore::cpu
