#include "nft_batch.h"

#include <arpa/inet.h>
#include <cerrno>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_NFQUEUE.h>

namespace {

constexpr uint16_t kMake = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
constexpr uint16_t kChange = NLM_F_REQUEST | NLM_F_ACK;
constexpr int kDumpTries = 5;

NetlinkMessage tables_message(uint16_t type, uint16_t flags, uint8_t family) {
    NetlinkMessage message(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type), flags);
    nfgenmsg header = {};
    header.nfgen_family = family;
    message.part(header);
    return message;
}

void put_value(NetlinkMessage *message, uint16_t attribute, const std::vector<uint8_t> &bytes) {
    size_t value = message->begin(attribute);
    message->put(NFTA_DATA_VALUE, bytes.data(), bytes.size());
    message->end(value);
}

void put_goto(NetlinkMessage *message, const std::string &chain) {
    size_t data = message->begin(NFTA_SET_ELEM_DATA), verdict = message->begin(NFTA_DATA_VERDICT);
    message->put_u32(NFTA_VERDICT_CODE, htonl(static_cast<uint32_t>(NFT_GOTO)));
    message->put(NFTA_VERDICT_CHAIN, chain);
    message->end(verdict);
    message->end(data);
}

uint64_t packets_of(const NetlinkAttributes &expression) {
    NetlinkAttributes name = expression.find(NFTA_EXPR_NAME);
    if (name.length == 0 || name.text() != "counter") return 0;
    return be64toh(expression.find(NFTA_EXPR_DATA).find(NFTA_COUNTER_PACKETS).number<uint64_t>());
}

CountedElement to_counted(const std::string &set, const NetlinkAttributes &element) {
    NetlinkAttributes key = element.find(NFTA_SET_ELEM_KEY).find(NFTA_DATA_VALUE);
    CountedElement counted = {set, {key.at, key.at + key.length}, packets_of(element.find(NFTA_SET_ELEM_EXPR))};
    return counted;
}

} // namespace

NetlinkMessage element_message(const ElementChange &change) {
    const auto &[element, add] = change;
    NetlinkMessage message =
        tables_message(add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, add ? kMake : kChange, element.family);
    message.put(NFTA_SET_ELEM_LIST_TABLE, element.table);
    message.put(NFTA_SET_ELEM_LIST_SET, element.set);
    size_t list = message.begin(NFTA_SET_ELEM_LIST_ELEMENTS);
    size_t item = message.begin(NFTA_LIST_ELEM);
    put_value(&message, NFTA_SET_ELEM_KEY, element.key);
    if (!element.key_end.empty()) put_value(&message, NFTA_SET_ELEM_KEY_END, element.key_end);
    if (add && !element.data.empty()) put_value(&message, NFTA_SET_ELEM_DATA, element.data);
    if (add && !element.chain.empty()) put_goto(&message, element.chain);
    message.end(item);
    message.end(list);
    return message;
}

NetlinkMessage queue_rule_message(const std::string &table, const std::string &chain, uint16_t number) {
    NetlinkMessage message =
        tables_message(NFT_MSG_NEWRULE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND, NFPROTO_INET);
    message.put(NFTA_RULE_TABLE, table);
    message.put(NFTA_RULE_CHAIN, chain);
    xt_NFQ_info_v3 info = {};
    info.queuenum = number;
    info.queues_total = 1;
    size_t list = message.begin(NFTA_RULE_EXPRESSIONS), expression = message.begin(NFTA_LIST_ELEM);
    message.put(NFTA_EXPR_NAME, "target");
    size_t data = message.begin(NFTA_EXPR_DATA);
    message.put(NFTA_TARGET_NAME, "NFQUEUE");
    message.put_u32(NFTA_TARGET_REV, htonl(3));
    message.put(NFTA_TARGET_INFO, &info, sizeof info);
    message.end(data);
    message.end(expression);
    message.end(list);
    return message;
}

NetlinkAnswer dump_counters(NetlinkSocket &netlink, const std::string &table, const std::vector<std::string> &sets,
                            std::vector<CountedElement> *counted) {
    for (const std::string &set : sets) {
        const size_t before = counted->size();
        bool interrupted = true; // by a transaction: the kernel says so, and the list may lack elements
        for (int tries = 0; interrupted && tries < kDumpTries; tries++) {
            interrupted = false;
            counted->resize(before);
            NetlinkMessage message = tables_message(NFT_MSG_GETSETELEM, NLM_F_REQUEST | NLM_F_DUMP, NFPROTO_INET);
            message.put(NFTA_SET_ELEM_LIST_TABLE, table);
            message.put(NFTA_SET_ELEM_LIST_SET, set);
            NetlinkAnswer answer = netlink.dump(message, [&](const nlmsghdr *header) {
                if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
                NetlinkAttributes::of(header, sizeof(nfgenmsg))
                    .find(NFTA_SET_ELEM_LIST_ELEMENTS)
                    .each([&](const NetlinkAttributes &element) { counted->push_back(to_counted(set, element)); });
            });
            if (answer.error == -EINTR)
                interrupted = true;
            else if (answer.error < 0)
                return answer;
        }
    }
    return {};
}

int find_table(NetlinkSocket &netlink, uint8_t family, const std::string &table) {
    NetlinkMessage message = tables_message(NFT_MSG_GETTABLE, kChange, family);
    message.put(NFTA_TABLE_NAME, table);
    return netlink.request(message).error;
}
