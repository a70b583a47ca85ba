# Writes OUTPUT, if it would change: the commit that SOURCE_DIR is at (cli/built_from.hpp). Of the commit alone: a build in
# another place or by another Git is the same bytes.
# cmake -DSOURCE_DIR=... -DOUTPUT=... -P built_from.cmake
cmake_minimum_required(VERSION 3.25)
set(built_from "")
find_program(GIT git)
if(GIT AND EXISTS ${SOURCE_DIR}/.git)
    execute_process(COMMAND ${GIT} rev-parse HEAD WORKING_DIRECTORY ${SOURCE_DIR}
        OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
    if(NOT failed)
        string(SUBSTRING "${commit}" 0 12 commit)
        execute_process(COMMAND ${GIT} diff-index --quiet HEAD WORKING_DIRECTORY ${SOURCE_DIR}
            RESULT_VARIABLE changed ERROR_QUIET)
        set(built_from "commit ${commit}")
        if(changed)
            string(APPEND built_from "-dirty")
        endif()
    endif()
endif()
set(text "#include \"cli/built_from.hpp\"\n\nnamespace xlate::cli {\n\nconst char* built_from() {\n    return \"${built_from}\";\n}\n\n}  // namespace xlate::cli\n")
set(before "")
if(EXISTS ${OUTPUT})
    file(READ ${OUTPUT} before)
endif()
if(NOT text STREQUAL before)
    file(WRITE ${OUTPUT} "${text}")
endif()
