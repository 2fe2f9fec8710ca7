// A shared object as an older or a younger build would have left it beside the programs.
extern "C" const char* STAND_IN_NAME() {
  return "of other headers";
}
