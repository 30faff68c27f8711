%% The laboratory's server on Erlang's ssh: see README.md for what it answers.
-module(lab_ssh).
-behaviour(ssh_server_channel).
-export([main/0, init/1, handle_msg/2, handle_ssh_msg/2, terminate/2]).

-record(work, {connection, channel, verb, number = 0, digest, size = {0, 0}, at = 0}).

main() ->
    {ok, _} = application:ensure_all_started(ssh),
    Port = list_to_integer(os:getenv("LAB_PORT")),
    {ok, Pattern} = file:read_file(os:getenv("LAB_PATTERN")),
    persistent_term:put(pattern, Pattern),
    Rekey = case list_to_integer(os:getenv("LAB_REKEY_BYTES")) of
                0 -> [];
                Bytes -> [{rekey_limit, {infinity, Bytes}}]
            end,
    All = ssh:default_algorithms(),
    Options = Rekey ++ [
        {system_dir, os:getenv("LAB_SYSTEM_DIR")},
        {user_dir, os:getenv("LAB_USER_DIR")},
        {user_passwords, [{os:getenv("LAB_USER"), os:getenv("LAB_PASSWORD")}]},
        {auth_methods, "publickey,keyboard-interactive,password"},
        {preferred_algorithms, All},
        {parallel_login, true},
        {ssh_cli, {?MODULE, []}},
        {subsystems, [{"echo", {?MODULE, ["echo"]}}]}
    ],
    {ok, _} = ssh:daemon({127, 0, 0, 1}, Port, Options),
    timer:sleep(infinity).

init([]) -> {ok, #work{}};
init([Command]) -> {ok, begin_command(Command, #work{})}.

%% The channel is up; a subsystem begins here, a command when its request comes.
handle_msg({ssh_channel_up, Channel, Connection}, Work) ->
    {ok, Work#work{channel = Channel, connection = Connection}};
handle_msg(send_piece, #work{number = 0} = Work) ->
    finish(0, Work),
    {ok, Work};
handle_msg(send_piece, #work{number = Left, at = At} = Work) ->
    Pattern = persistent_term:get(pattern),
    Size = lists:min([Left, 32768, byte_size(Pattern) - At]),
    case ssh_connection:send(Work#work.connection, Work#work.channel, binary:part(Pattern, At, Size)) of
        ok ->
            self() ! send_piece,
            {ok, Work#work{number = Left - Size, at = (At + Size) rem byte_size(Pattern)}};
        {error, closed} ->
            {stop, Work#work.channel, Work}
    end;
handle_msg(_, Work) -> {ok, Work}.

handle_ssh_msg({ssh_cm, Connection, {pty, Channel, WantReply, {_, Columns, Rows, _, _, _}}}, Work) ->
    ssh_connection:reply_request(Connection, WantReply, success, Channel),
    {ok, Work#work{size = {Rows, Columns}}};
handle_ssh_msg({ssh_cm, _, {window_change, _, Columns, Rows, _, _}}, Work) ->
    Changed = Work#work{size = {Rows, Columns}},
    show_size(Changed),
    {ok, Changed};
handle_ssh_msg({ssh_cm, Connection, {env, Channel, WantReply, _, _}}, Work) ->
    ssh_connection:reply_request(Connection, WantReply, failure, Channel),
    {ok, Work};
handle_ssh_msg({ssh_cm, Connection, {shell, Channel, WantReply}}, Work) ->
    ssh_connection:reply_request(Connection, WantReply, failure, Channel),
    {ok, Work};
handle_ssh_msg({ssh_cm, Connection, {exec, Channel, WantReply, Command}}, Work) ->
    ssh_connection:reply_request(Connection, WantReply, success, Channel),
    Begun = begin_command(unicode:characters_to_list(Command), Work#work{connection = Connection, channel = Channel}),
    run(Begun#work.verb, Begun),
    {ok, Begun};
handle_ssh_msg({ssh_cm, _, {data, _, 0, Data}}, #work{verb = "hash", digest = Digest} = Work) ->
    {ok, Work#work{digest = crypto:hash_update(Digest, Data)}};
handle_ssh_msg({ssh_cm, Connection, {data, Channel, 0, Data}}, #work{verb = "echo"} = Work) ->
    ssh_connection:send(Connection, Channel, Data),
    {ok, Work};
handle_ssh_msg({ssh_cm, Connection, {eof, Channel}}, #work{verb = "hash", digest = Digest} = Work) ->
    Hex = [io_lib:format("~2.16.0b", [Byte]) || <<Byte>> <= crypto:hash_final(Digest)],
    ssh_connection:send(Connection, Channel, [Hex, "\n"]),
    finish(0, Work),
    {ok, Work};
handle_ssh_msg({ssh_cm, _, {eof, _}}, #work{verb = Verb} = Work) when Verb == "echo"; Verb == "size" ->
    finish(0, Work),
    {ok, Work};
handle_ssh_msg({ssh_cm, _, {signal, _, _}}, Work) ->
    {ok, Work};
handle_ssh_msg(_, Work) -> {ok, Work}.

terminate(_, _) -> ok.

begin_command(Command, Work) ->
    case string:lexemes(Command, " ") of
        [Verb, Number] -> Work#work{verb = Verb, number = list_to_integer(Number)};
        ["hash"] -> Work#work{verb = "hash", digest = crypto:hash_init(sha256)};
        [Verb | _] -> Work#work{verb = Verb}
    end.

run("status", #work{connection = Connection, channel = Channel, number = Status} = Work) ->
    ssh_connection:send(Connection, Channel, 0, <<"out\n">>),
    ssh_connection:send(Connection, Channel, 1, <<"err\n">>),
    finish(Status, Work);
run("send", _) -> self() ! send_piece;
run("hash", _) -> ok;
run("echo", _) -> ok;
run("size", Work) -> show_size(Work);
run("signal", #work{connection = Connection, channel = Channel}) ->
    %% There is no call that sends an exit signal.
    ssh_connection:send_eof(Connection, Channel),
    ssh_connection:close(Connection, Channel);
run(_, #work{connection = Connection, channel = Channel} = Work) ->
    ssh_connection:send(Connection, Channel, 1, <<"no such command\n">>),
    finish(127, Work).

show_size(#work{connection = Connection, channel = Channel, size = {Rows, Columns}}) ->
    ssh_connection:send(Connection, Channel, io_lib:format("~b ~b\r\n", [Rows, Columns])).

finish(Status, #work{connection = Connection, channel = Channel}) ->
    ssh_connection:exit_status(Connection, Channel, Status),
    ssh_connection:send_eof(Connection, Channel),
    ssh_connection:close(Connection, Channel).
