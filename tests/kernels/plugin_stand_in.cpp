// A shared object as an older or a newer build might have left it beside the programs.
extern "C" const char* STAND_IN_NAME() {
  return "of other headers";
}
