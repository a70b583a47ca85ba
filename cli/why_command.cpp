#include <algorithm>
#include <thread>

#include "cli/commands.hpp"
#include "cli/print.hpp"
#include "study/why/explain.hpp"

namespace xlate::cli {

ExitStatus why_command(const WhyArguments& arguments) {
    study::WhyQuestion question;
    question.run = arguments.run;
    question.master = arguments.master;
    question.jobs = arguments.jobs != 0 ? arguments.jobs : std::max(1U, std::thread::hardware_concurrency());
    question.most_transfers = arguments.transfers;
    const nlohmann::ordered_json why = study::explain(question);
    print(arguments.json ? why.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"
                         : study::explain_text(why));
    return ExitStatus::ok;
}

}  // namespace xlate::cli
