// Forwards, which x/crypto/ssh leaves to its user: RFC 4254 section 7, OpenSSH PROTOCOL section 2.4.
package main

import (
	"io"
	"net"
	"os"
	"strconv"

	"golang.org/x/crypto/ssh"
)

// connectFor makes the connection that a channel of the client asks for.
func connectFor(request ssh.NewChannel) {
	network, address := "", ""
	switch request.ChannelType() {
	case "direct-tcpip":
		var asked struct {
			Host       string
			Port       uint32
			Originator string
			From       uint32
		}
		if ssh.Unmarshal(request.ExtraData(), &asked) == nil {
			network, address = "tcp", net.JoinHostPort(asked.Host, strconv.Itoa(int(asked.Port)))
		}
	case "direct-streamlocal@openssh.com":
		var asked struct {
			Path     string
			Reserved string
			Number   uint32
		}
		if ssh.Unmarshal(request.ExtraData(), &asked) == nil {
			network, address = "unix", asked.Path
		}
	}
	if network == "" {
		request.Reject(ssh.UnknownChannelType, "no such channels here")
		return
	}
	there, err := net.Dial(network, address)
	if err != nil {
		request.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := request.Accept()
	if err != nil {
		there.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	join(there, channel)
}

// listenFor answers the global requests of a client until its connection ends.
func listenFor(client *ssh.ServerConn, requests <-chan *ssh.Request) {
	listeners := map[string]net.Listener{}
	for request := range requests {
		granted, answer := false, []byte(nil)
		switch request.Type {
		case "tcpip-forward":
			var asked struct {
				Address string
				Port    uint32
			}
			if ssh.Unmarshal(request.Payload, &asked) != nil {
				break
			}
			// The laboratory keeps to the loopback address.
			listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(int(asked.Port)))
			if err != nil {
				break
			}
			port := uint32(listener.Addr().(*net.TCPAddr).Port)
			listeners[asked.Address+" "+strconv.Itoa(int(port))] = listener
			granted = true
			if asked.Port == 0 {
				answer = ssh.Marshal(struct{ Port uint32 }{port})
			}
			go accept(client, listener, "forwarded-tcpip", func(from net.Conn) []byte {
				origin := from.RemoteAddr().(*net.TCPAddr)
				return ssh.Marshal(struct {
					Address    string
					Port       uint32
					Originator string
					From       uint32
				}{asked.Address, port, origin.IP.String(), uint32(origin.Port)})
			})
		case "streamlocal-forward@openssh.com":
			var asked struct{ Path string }
			if ssh.Unmarshal(request.Payload, &asked) != nil {
				break
			}
			listener, err := net.Listen("unix", asked.Path)
			if err != nil {
				break
			}
			listeners[asked.Path] = listener
			granted = os.Chmod(asked.Path, 0o600) == nil
			go accept(client, listener, "forwarded-streamlocal@openssh.com", func(net.Conn) []byte {
				return ssh.Marshal(struct{ Path, Reserved string }{asked.Path, ""})
			})
		case "cancel-tcpip-forward":
			var asked struct {
				Address string
				Port    uint32
			}
			if ssh.Unmarshal(request.Payload, &asked) == nil {
				granted = stop(listeners, asked.Address+" "+strconv.Itoa(int(asked.Port)))
			}
		case "cancel-streamlocal-forward@openssh.com":
			var asked struct{ Path string }
			if ssh.Unmarshal(request.Payload, &asked) == nil {
				granted = stop(listeners, asked.Path)
			}
		}
		if request.WantReply {
			request.Reply(granted, answer)
		}
	}
	for name := range listeners {
		stop(listeners, name)
	}
}

func stop(listeners map[string]net.Listener, name string) bool {
	listener, there := listeners[name]
	if there {
		listener.Close()
		delete(listeners, name)
	}
	return there
}

func accept(client *ssh.ServerConn, listener net.Listener, kind string, extra func(net.Conn) []byte) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			channel, requests, err := client.OpenChannel(kind, extra(from))
			if err != nil {
				from.Close()
				return
			}
			go ssh.DiscardRequests(requests)
			join(from, channel)
		}()
	}
}

// join carries bytes both ways, and the end of each direction by itself.
func join(connection net.Conn, channel ssh.Channel) {
	over := make(chan bool, 2)
	go func() {
		io.Copy(channel, connection)
		channel.CloseWrite()
		over <- true
	}()
	go func() {
		io.Copy(connection, channel)
		connection.(interface{ CloseWrite() error }).CloseWrite()
		over <- true
	}()
	<-over
	<-over
	channel.Close()
	connection.Close()
}
