# cmake -D SOURCE=DIR -D OUTPUT=FILE -P write_commit.cmake: writes the commit of the source folder as a C++ constant. The
# file is touched only when it changes, so that a build without a new commit compiles nothing.
set(commit unknown)
find_program(GIT git)
# A folder inside another project's repository is not described by that project's commit.
if(GIT AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${GIT} -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
                  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
  if(NOT failed)
    set(commit ${described})
  endif()
endif()
set(text "inline constexpr const char* kCommit = \"${commit}\";\n")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} before)
endif()
if(NOT text STREQUAL before)
  file(WRITE ${OUTPUT} "${text}")
endif()
