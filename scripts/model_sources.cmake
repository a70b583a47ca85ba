# Writes OUTPUT: the SHA-256 of all sources that decide about a run's bytes, by their paths in the repository and their
# contents, so that it is the same for every compiler, build type and checkout.
# cmake -DSOURCE_DIR=... -DOUTPUT=... -DROOMS=base,firmware,... -P model_sources.cmake
cmake_minimum_required(VERSION 3.25)
string(REPLACE "," ";" rooms "${ROOMS}")
set(all "")
foreach(room ${rooms})
    file(GLOB_RECURSE files RELATIVE ${SOURCE_DIR} ${SOURCE_DIR}/${room}/*.cpp ${SOURCE_DIR}/${room}/*.hpp)
    list(SORT files COMPARE STRING)
    foreach(file ${files})
        file(SHA256 ${SOURCE_DIR}/${file} digest)
        string(APPEND all "${file} ${digest}\n")
    endforeach()
endforeach()
string(SHA256 digest "${all}")
set(text "#include \"study/run/model_version.hpp\"\n\nnamespace xlate::study {\n\nconst char* model_sources() {\n    return \"${digest}\";\n}\n\n}  // namespace xlate::study\n")
file(WRITE ${OUTPUT} "${text}")
