/* What a broker answers, in the words of scripts: the code of its error, and the few numbers that scripts speak of. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "conform/ask.h"

static uint64_t number_of(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(value) && value->valuedouble >= 0 ? (uint64_t)value->valuedouble : NUMBER_ANY;
}

static uint16_t error_of(const cJSON *answer)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer, "error");
    if (error == NULL) {
        return 0;
    }
    uint64_t code = number_of(error, "err_code");
    code = code == NUMBER_ANY || code == 0 ? number_of(error, "code") : code;
    return code == NUMBER_ANY || code > UINT16_MAX ? CODE_UNCLEAR : (uint16_t)code;
}

static void numbers_read(const struct script_line *line, const cJSON *root, uint64_t numbers[ANSWER_NUMBERS])
{
    bool published =
        line->operation == OPERATION_PUB || line->operation == OPERATION_PUT || line->operation == OPERATION_DELETE;
    if (published) {
        numbers[ANSWER_SEQUENCE] = number_of(root, "seq");
        numbers[ANSWER_DUPLICATE] = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "duplicate"));
    } else if (line->operation == OPERATION_GET || line->operation == OPERATION_LAST) {
        numbers[ANSWER_SEQUENCE] = number_of(cJSON_GetObjectItemCaseSensitive(root, "message"), "seq");
    } else if (line->operation == OPERATION_STATE && line_has(line, OPTION_consumer)) {
        numbers[ANSWER_ACK_PENDING] = number_of(root, "num_ack_pending");
        numbers[ANSWER_PENDING] = number_of(root, "num_pending");
        numbers[ANSWER_WAITING] = number_of(root, "num_waiting");
    } else if (line->operation == OPERATION_STATE) {
        numbers[ANSWER_MESSAGES] = number_of(cJSON_GetObjectItemCaseSensitive(root, "state"), "messages");
    }
}

struct answer answer_of(const struct script_line *line, const struct wire_message *message)
{
    struct answer answer = { .code = message->status };
    for (uint32_t at = 0; at < ANSWER_NUMBERS; at++) {
        answer.numbers[at] = NUMBER_ANY;
    }
    if (message->status != 0 || line_has(line, OPTION_sync)) {
        return answer;
    }
    cJSON *root = cJSON_ParseWithLength(message->body, message->body_size);
    answer.code = root == NULL ? CODE_UNCLEAR : error_of(root);
    if (answer.code == 0) {
        numbers_read(line, root, answer.numbers);
    }
    cJSON_Delete(root);
    return answer;
}

void leader_of(const struct wire_message *message, char ret_name[TRACE_NAME_MAX])
{
    cJSON *root = cJSON_ParseWithLength(message->body, message->body_size);
    const cJSON *cluster = cJSON_GetObjectItemCaseSensitive(root, "cluster");
    const cJSON *leader = cJSON_GetObjectItemCaseSensitive(cluster, "leader");
    (void)snprintf(ret_name, TRACE_NAME_MAX, "%s", cJSON_IsString(leader) ? leader->valuestring : "");
    cJSON_Delete(root);
}

/* "$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>..." or, with domain and account, two words more. */
bool delivery_read(const char *reply, uint64_t *ret_sequence, uint32_t *ret_delivered)
{
    char text[WIRE_SUBJECT_MAX], *words[16], *rest = NULL;
    uint32_t count = 0;
    (void)snprintf(text, sizeof(text), "%s", reply);
    for (char *word = strtok_r(text, ".", &rest); word != NULL && count < 16; word = strtok_r(NULL, ".", &rest)) {
        words[count++] = word;
    }
    if (count < 9 || strcmp(words[1], "ACK") != 0) {
        return false;
    }
    uint32_t at = count >= 11 ? 6 : 4;
    *ret_delivered = (uint32_t)strtoul(words[at], NULL, 10);
    *ret_sequence = strtoull(words[at + 1], NULL, 10);
    return true;
}
