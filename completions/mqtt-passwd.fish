# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mqtt_passwd_global_optspecs
    string join \n b c D H= I= U salt-2.0
end

function __fish_mqtt_passwd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mqtt_passwd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mqtt_passwd_using_subcommand
    set -l cmd (__fish_mqtt_passwd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mqtt-passwd -n "__fish_mqtt_passwd_needs_command" -s H -d 'how to hash passwords: argon2id (default), sha512-pbkdf2 or sha512.' -r -f -a "argon2id\t''
sha512-pbkdf2\t''
sha512\t''"
complete -c mqtt-passwd -n "__fish_mqtt_passwd_needs_command" -s I -d 'rounds of sha512-pbkdf2, and makes it the default. Default 1000.' -r
complete -c mqtt-passwd -n "__fish_mqtt_passwd_needs_command" -s b -d 'batch mode: take the password from the command line.'
complete -c mqtt-passwd -n "__fish_mqtt_passwd_needs_command" -s c -d 'create a new password file. An existing file is refused.'
complete -c mqtt-passwd -n "__fish_mqtt_passwd_needs_command" -s D -d 'delete the user instead of setting a password.'
complete -c mqtt-passwd -n "__fish_mqtt_passwd_needs_command" -s U -d 'hash the plain text passwords of a file; hashed ones stay.'
complete -c mqtt-passwd -n "__fish_mqtt_passwd_needs_command" -l salt-2.0 -d '12 bytes of salt, the only length mosquitto 2.0 can read. Makes sha512-pbkdf2 the default.'
complete -c mqtt-passwd -n "__fish_mqtt_passwd_needs_command" -a "verify" -d 'ask for a password and exit with 0 if it is the user\'s, else with 1.'
complete -c mqtt-passwd -n "__fish_mqtt_passwd_needs_command" -a "list" -d 'print each user with the kind and cost of the hash.'
complete -c mqtt-passwd -n "__fish_mqtt_passwd_needs_command" -a "check" -d 'print plain, weak, duplicate and unreadable lines; exit with 1 if there are any.'
complete -c mqtt-passwd -n "__fish_mqtt_passwd_using_subcommand list" -l json -d 'print a JSON array with an object for each user.'
